// A book as kubectl and Git have it.

/** JSON's strings are YAML's, and need no other rules. */
const quoted = JSON.stringify;

export function yaml(book) {
  const label = (name, value) => (value ? [`    ${name}: ${quoted(value)}`] : []);
  const labels = [
    ...label('books.bookshelf.lostinsoba.com/category', book.category_id),
    ...label('app.kubernetes.io/managed-by', book.managed_by),
  ];
  return [
    'apiVersion: bookshelf.lostinsoba.com/v1alpha1',
    'kind: Book',
    'metadata:',
    `  name: ${quoted(book.id)}`,
    `  namespace: ${quoted(book.namespace_id)}`,
    ...(labels.length ? ['  labels:', ...labels] : []),
    'spec:',
    `  author: ${quoted(book.author)}`,
    `  title: ${quoted(book.title)}`,
    ...(book.description ? [`  description: ${quoted(book.description)}`] : []),
    '',
  ].join('\n');
}
