{{/* "yes" if this release applies a ClusterRole for people: nobody has, or it did so itself. dict "root" $ "name" "..." */}}
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
# Opens all that admin-api does: reads, adds, changes and removes books; sees loans, with who has them, and ends them.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [bookloans]
  verbs: [get, list, watch, delete]
# Reads the history, and blanks names in it; with kubectl, changes any line of it.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [loanjournals]
  verbs: [get, list, watch, update]
{{- end -}}

{{- define "bookshelf.rules.tenant" -}}
# Opens all that user-api does in one's own name: reads books. It borrows and returns them for a tenant, under its own
# account, and shows a tenant nobody else's loans; so loans themselves stay closed.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch]
{{- end -}}

{{- define "bookshelf.rules.view" -}}
# Opens to whoever has the role view: reads books. Loans stay closed: they say who reads what.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [get, list, watch]
{{- end -}}

{{- define "bookshelf.rules.edit" -}}
# Opens to whoever has the role edit: adds, changes and removes books, with kubectl those of other tools, too.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [books]
  verbs: [create, update, patch, delete, deletecollection]
{{- end -}}

{{- define "bookshelf.rules.admin" -}}
# Opens to whoever has the role admin: sees loans, with who has them, and ends them; binds bookshelf-librarian and
# bookshelf-tenant in the namespace, as it has all of their rights.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [bookloans]
  verbs: [get, list, watch, delete]
# Reads the history, and blanks names in it; with kubectl, changes any line of it.
- apiGroups: [bookshelf.lostinsoba.com]
  resources: [loanjournals]
  verbs: [get, list, watch, update]
{{- end -}}
