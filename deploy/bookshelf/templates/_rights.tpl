{{/*
The role of one API, and its binding to the API's ServiceAccount: cluster-wide with the prefix "Cluster", otherwise in a
namespace. dict "root" $ "component" "admin-api" "values" .Values.adminApi "prefix" "Cluster" "namespace" ""
*/}}
{{- define "bookshelf.rights" -}}
{{- $name := printf "%s-%s" (include "bookshelf.clusterFullname" .root) .component -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .prefix }}Role
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "bookshelf.labels" . | nindent 4 }}
rules:
  {{- include (printf "bookshelf.rules.%s" .component) .root | nindent 2 }}
  # Events about books, which kubectl describe shows.
  - apiGroups: [events.k8s.io]
    resources: [events]
    verbs: [create, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .prefix }}RoleBinding
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "bookshelf.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .prefix }}Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "bookshelf.serviceAccountName" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{- define "bookshelf.rules.admin-api" -}}
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch, create, update, patch, delete]
# Librarians read loans and end them. Only tenants make them.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [bookloans]
  verbs: [get, list, watch, delete]
{{- if .Values.history.enabled }}
# History: both APIs append to it. This one also blanks names and deletes old events.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [loanjournals]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end }}
{{- end -}}

{{- define "bookshelf.rules.user-api" -}}
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch]
# Borrowing creates a loan, returning deletes it. Loans are never changed.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [bookloans]
  verbs: [get, list, watch, create, delete]
{{- if .Values.history.enabled }}
# History: both APIs append to it.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [loanjournals]
  verbs: [get, list, watch, create, patch]
{{- end }}
{{- end -}}
