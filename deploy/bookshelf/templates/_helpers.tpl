{{/* The prefix of every name: short enough that "-admin-api" after it still makes a DNS label of 63 characters. */}}
{{- define "bookshelf.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
The prefix of the names that have no namespace. It carries the release's, so that releases of one name in two namespaces
do not share a ClusterRole; the colon, which no namespace contains, keeps the two parts apart.
*/}}
{{- define "bookshelf.clusterFullname" -}}
{{- printf "%s:%s" .Release.Namespace (include "bookshelf.fullname" .) -}}
{{- end -}}

{{/* The name of the objects of one API: dict "root" $ "component" "admin-api" */}}
{{- define "bookshelf.name" -}}
{{- printf "%s-%s" (include "bookshelf.fullname" .root) .component -}}
{{- end -}}

{{/* The name of the ServiceAccount of one API: dict "root" $ "component" "admin-api" "values" .Values.adminApi */}}
{{- define "bookshelf.serviceAccountName" -}}
{{- $account := .values.serviceAccount -}}
{{- if $account.create -}}
{{- default (include "bookshelf.name" .) $account.name -}}
{{- else -}}
{{- required (printf "serviceAccount.name of %s is needed where serviceAccount.create is false" .component) $account.name -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the certificate of both APIs; empty: HTTP. */}}
{{- define "bookshelf.tlsSecret" -}}
{{- if .Values.tls.secretName -}}
{{- .Values.tls.secretName -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- include "bookshelf.fullname" . }}-tls
{{- end -}}
{{- end -}}

{{/* The reference of an image: dict "root" $ "image" .Values.adminApi.image */}}
{{- define "bookshelf.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What a Deployment selects its pods by, which can never be changed: dict "root" $ "component" "admin-api" */}}
{{- define "bookshelf.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* The labels of pods; no chart version among them, so that a new chart alone restarts nothing. */}}
{{- define "bookshelf.podLabels" -}}
{{ include "bookshelf.selectorLabels" . }}
app.kubernetes.io/part-of: bookshelf
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{- end -}}

{{/* Kubernetes' recommended labels: dict "root" $ "component" "admin-api" */}}
{{- define "bookshelf.labels" -}}
{{ include "bookshelf.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
"yes" if this release applies the CRD: nobody has yet, or it did so itself and nobody has changed the definition with
kubectl since. In the latter case Helm would stop at a conflict. What was applied before and is left out now would be
deleted but for the policy to keep it, so that is made sure of. dict "root" $ "name" "books.bookshelf.lostinsoba.com"
*/}}
{{- define "bookshelf.appliesCrd" -}}
{{- $live := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" .name -}}
{{- $labels := dig "metadata" "labels" dict $live -}}
{{- $annotations := dig "metadata" "annotations" dict $live -}}
{{- $ours := and
      (eq (get $labels "app.kubernetes.io/managed-by") "Helm")
      (eq (get $annotations "meta.helm.sh/release-name") .root.Release.Name)
      (eq (get $annotations "meta.helm.sh/release-namespace") .root.Release.Namespace)
-}}
{{- $kept := eq (get $annotations "helm.sh/resource-policy") "keep" -}}
{{- $changed := false -}}
{{- range dig "metadata" "managedFields" list $live -}}
{{- if and (hasPrefix "kubectl" .manager) (hasKey (default dict .fieldsV1) "f:spec") -}}
{{- $changed = true -}}
{{- end -}}
{{- end -}}
{{- if or (not $live) (and $ours (not (and $kept $changed))) }}yes{{ end -}}
{{- end -}}
