{{/* The Pod of one API: dict "root" $ "component" "admin-api" "values" .Values.adminApi */}}
{{- define "bookshelf.pod" -}}
serviceAccountName: {{ include "bookshelf.serviceAccountName" . }}
automountServiceAccountToken: true
# Otherwise a Service named bookshelf-anything would set BOOKSHELF_ANYTHING_..., which the binaries read as flags.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
securityContext:
  {{- toYaml .values.podSecurityContext | nindent 2 }}
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
containers:
  - {{ include "bookshelf.container" . | indent 4 | trim }}
{{- $tls := include "bookshelf.tlsSecret" .root }}
{{- if or $tls .values.extraVolumes }}
volumes:
  {{- with $tls }}
  - name: tls
    secret:
      secretName: {{ . }}
  {{- end }}
  {{- with .values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- if not .labelSelector }}
  - labelSelector:
      matchLabels:
        {{- include "bookshelf.selectorLabels" $ | nindent 8 }}
    {{- if not .matchLabelKeys }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
    {{- toYaml . | nindent 4 }}
  {{- else }}
  - {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "bookshelf.container" -}}
{{- $delay := int .values.shutdownDelaySeconds -}}
{{- $sleeps := semverCompare ">=1.34-0" .root.Capabilities.KubeVersion.Version -}}
name: {{ .component }}
image: {{ include "bookshelf.image" (dict "root" .root "image" .values.image) | quote }}
imagePullPolicy: {{ .values.image.pullPolicy }}
args:
  - --listen=0.0.0.0:8080
  - --ops-listen=0.0.0.0:9080
  - --auth-mode={{ .root.Values.auth.mode }}
  {{- with get .root.Values.auth.audiences (ternary "adminApi" "userApi" (eq .component "admin-api")) }}
  - --auth-audience={{ join "," . }}
  {{- end }}
  {{- with .root.Values.auth.trustedProxies }}
  - --trusted-proxy={{ join "," . }}
  {{- end }}
  {{- if and $delay (not $sleeps) }}
  - --shutdown-delay={{ $delay }}
  {{- end }}
  {{- with .root.Values.watchNamespaces }}
  - --watch-namespaces={{ join "," . }}
  {{- end }}
  {{- with .root.Values.history }}
  {{- if not .enabled }}
  - --history=false
  {{- else if eq $.component "admin-api" }}
  - --history-days={{ int .days }}
  - --history-entries={{ int .entries }}
  - --history-names-days={{ int .namesDays }}
  {{- end }}
  {{- end }}
  {{- if include "bookshelf.tlsSecret" .root }}
  - --tls-cert-file=/tls/tls.crt
  - --tls-private-key-file=/tls/tls.key
  {{- end }}
  {{- with .values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if .values.config }}
envFrom:
  - configMapRef:
      name: {{ include "bookshelf.name" . }}
{{- end }}
{{- with .values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: 8080
  - name: ops
    containerPort: 9080
startupProbe:
  httpGet:
    path: /readyz
    port: ops
  {{- toYaml .values.probes.startup | nindent 2 }}
readinessProbe:
  httpGet:
    path: /readyz
    port: ops
  {{- toYaml .values.probes.readiness | nindent 2 }}
livenessProbe:
  httpGet:
    path: /livez
    port: ops
  {{- toYaml .values.probes.liveness | nindent 2 }}
{{- if and $delay $sleeps }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ $delay }}
{{- end }}
securityContext:
  {{- toYaml .values.securityContext | nindent 2 }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or (include "bookshelf.tlsSecret" .root) .values.extraVolumeMounts }}
volumeMounts:
  {{- if include "bookshelf.tlsSecret" .root }}
  - name: tls
    mountPath: /tls
    readOnly: true
  {{- end }}
  {{- with .values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}
