// Addresses within the page: `#/book/science-library/intro?…`. The server sees none of them.

/** The address of a view, with a query of what is not empty. */
export function hash(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = given.length ? `?${new URLSearchParams(given)}` : '';
  return `#/${parts.map(encodeURIComponent).join('/')}${search}`;
}

/** What an address names. A malformed one is that of the first view. */
export function parse(address) {
  try {
    const [names, search = ''] = address.replace(/^#\/?/, '').split('?');
    const parts = names.split('/').map(decodeURIComponent).filter(Boolean);
    return { parts, query: Object.fromEntries(new URLSearchParams(search)) };
  } catch {
    return { parts: [], query: {} };
  }
}
