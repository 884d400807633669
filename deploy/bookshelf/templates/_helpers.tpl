{{/* The prefix of every name. With "-admin-api" it is still a DNS label of at most 63 characters. */}}
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
The prefix of the names of cluster-scoped objects. It contains the release's namespace, so that releases with the same
name in two namespaces do not share a ClusterRole. The colon, which no namespace contains, separates the two parts.
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

{{/* The name of the Secret with the certificate of both APIs; empty for HTTP. */}}
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

{{/* The labels by which a Deployment selects its Pods, which are immutable: dict "root" $ "component" "admin-api" */}}
{{- define "bookshelf.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* The labels of Pods, without the chart's version, so that a new chart alone restarts no Pod. */}}
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
"yes" if this release applies the CRD: it does not exist, or this release has applied it and nobody has changed its spec
with kubectl since, which would be a conflict for Helm. Helm deletes a CRD that a release no longer contains unless its
policy is to keep it, so only a kept CRD is left out. dict "root" $ "name" "books.bookshelf.lostinsoba.com"
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
