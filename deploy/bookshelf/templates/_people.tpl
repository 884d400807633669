{{/* "yes" if this release applies a ClusterRole for people: it is missing or its own. dict "root" $ "name" "..." */}}
{{- define "bookshelf.appliesClusterRole" -}}
{{- $live := lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" .name -}}
{{- $annotations := dig "metadata" "annotations" dict $live -}}
{{- $isOurs := and
      (eq (get $annotations "meta.helm.sh/release-name") .root.Release.Name)
      (eq (get $annotations "meta.helm.sh/release-namespace") .root.Release.Namespace)
-}}
{{- if or (not $live) $isOurs }}yes{{ end -}}
{{- end -}}

{{- define "bookshelf.rules.librarian" -}}
# Allows all requests to admin-api: reads, adds, changes and removes books; reads loans, including their tenants, and
# ends them.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [bookloans]
  verbs: [get, list, watch, delete]
# Reads the history, and blanks names in it. With kubectl, it allows changes of any line.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [loanjournals]
  verbs: [get, list, watch, update]
{{- end -}}

{{- define "bookshelf.rules.tenant" -}}
# Reads books, which allows all requests to user-api under the caller's own name. user-api makes and ends loans with its
# own account, and shows tenants only their own, so this role has no access to loans.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch]
{{- end -}}

{{- define "bookshelf.rules.view" -}}
# Added to the role view: reads books. It has no access to loans, which reveal who reads what.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch]
{{- end -}}

{{- define "bookshelf.rules.edit" -}}
# Added to the role edit: adds, changes and removes books, with kubectl also those of other tools.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [create, update, patch, delete, deletecollection]
{{- end -}}

{{- define "bookshelf.rules.admin" -}}
# Added to the role admin: reads loans, including their tenants, and ends them. Since it has all of their rights, admin
# may bind bookshelf-librarian and bookshelf-tenant in its namespace.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [bookloans]
  verbs: [get, list, watch, delete]
# Reads the history, and blanks names in it. With kubectl, it allows changes of any line.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [loanjournals]
  verbs: [get, list, watch, update]
{{- end -}}
