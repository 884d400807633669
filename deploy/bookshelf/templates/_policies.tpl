{{/*
The name of a policy and of its binding, which are cluster-scoped: the release's namespace and prefix, separated by a
dot, which neither contains. If the name would exceed 63 characters, the end of this part is replaced by a hash.
dict "root" $ "resource" "books"
*/}}
{{- define "bookshelf.policyName" -}}
{{- $release := printf "%s.%s" .root.Release.Namespace (include "bookshelf.fullname" .root) -}}
{{- if gt (len $release) 53 -}}
{{- $release = printf "%s-%s" (trunc 42 $release | trimAll "-.") (sha256sum $release | trunc 10) -}}
{{- end -}}
{{- printf "%s-%s" $release .resource -}}
{{- end -}}

{{/*
The rule of managed books, for the object before and after a write. The marks are those of
crates/bookshelf-crd/src/management.rs. A test compares the two lists.
*/}}
{{- define "bookshelf.policy.books" -}}
variables:
  - name: managedBy
    expression: "'app.kubernetes.io/managed-by'"
  - name: labelMarks
    expression: >-
      [
      'argocd.argoproj.io/instance',
      'kustomize.toolkit.fluxcd.io/name',
      'helm.toolkit.fluxcd.io/name',
      'kapp.k14s.io/app'
      ]
  - name: annotationMarks
    expression: >-
      [
      'argocd.argoproj.io/tracking-id',
      'argocd.argoproj.io/installation-id'
      ]
  # A created book has no old metadata, and a deleted book has no new metadata.
  - name: oldMetadata
    expression: "oldObject == null ? [] : [oldObject.metadata]"
  - name: newMetadata
    expression: "object == null ? [] : [object.metadata]"
validations:
  - reason: Forbidden
    message: >-
      another tool manages this book, as its label app.kubernetes.io/managed-by or the mark of a GitOps tool says;
      bookshelf does not change or delete it
    expression: >-
      variables.oldMetadata.all(metadata,
      {{- include "bookshelf.policy.isManageable" "metadata" | nindent 6 }})
  - reason: Forbidden
    message: >-
      bookshelf does not hand a book to another tool: the label app.kubernetes.io/managed-by stays empty or bookshelf,
      and the mark of a GitOps tool is not set
    expression: >-
      variables.newMetadata.all(metadata,
      {{- include "bookshelf.policy.isManageable" "metadata" | nindent 6 }})
{{- end -}}

{{/* A CEL expression: true if bookshelf may change a book. The argument is the variable with its metadata. */}}
{{- define "bookshelf.policy.isManageable" -}}
{{ . }}.?labels[variables.managedBy].orValue('') in ['', 'bookshelf'] &&
!variables.labelMarks.exists(mark, {{ . }}.?labels[mark].hasValue()) &&
!variables.annotationMarks.exists(mark, {{ . }}.?annotations[mark].hasValue())
{{- end -}}

{{/* The form of a loan: it belongs to the book with its name, and does not change. */}}
{{- define "bookshelf.policy.bookloans" -}}
variables:
  - name: owners
    expression: "object.metadata.?ownerReferences.orValue([])"
validations:
  - reason: Forbidden
    message: "a loan does not change: return the book and borrow it again"
    expression: "request.operation == 'CREATE'"
  - reason: Forbidden
    message: >-
      a loan has one ownerReference: to the book of the loan's own name, neither as its controller nor to block the
      book's deletion
    expression: >-
      variables.owners.size() == 1 &&
      variables.owners.all(owner,
      owner.apiVersion.startsWith('bookshelf.lostinsoba.com/') &&
      owner.kind == 'Book' &&
      owner.name == object.metadata.name &&
      !owner.?controller.orValue(false) &&
      !owner.?blockOwnerDeletion.orValue(false))
{{- end -}}
