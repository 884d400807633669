{{/*
The name of a policy and of its binding, which have no namespace: the release's namespace and prefix, with a dot, which
neither contains, between them. Where that is too long for 63 characters, a hash of it is its end.
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
The rule of managed books, of the object as a write finds it and as it leaves it. The marks are those of
crates/bookshelf-crd/src/management.rs; a test compares the two lists.
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
  # Of a book that is created there is no old metadata, and of one that is deleted no new.
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

{{/* The CEL expression for metadata, a variable of this name, of a book that bookshelf may change. */}}
{{- define "bookshelf.policy.isManageable" -}}
{{ . }}.?labels[variables.managedBy].orValue('') in ['', 'bookshelf'] &&
!variables.labelMarks.exists(mark, {{ . }}.?labels[mark].hasValue()) &&
!variables.annotationMarks.exists(mark, {{ . }}.?annotations[mark].hasValue())
{{- end -}}

{{/* The form of a loan: it belongs to the book of its own name, and does not change. */}}
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
