// A book as it is being written: kept in the tab until it is saved or discarded.

import { FIELDS, fieldsOf, same } from './conflict.js';
import { forget, keep, newKey, recall } from './session.js';

const NOTHING = fieldsOf({});

export class Draft {
  /** @param {string} name where it is kept */
  constructor(name) {
    this.name = `draft:${name}`;
    const kept = recall(this.name);
    /** The version that was shown when the writing began: its fields and its entity tag. */
    this.base = kept?.base ?? { fields: NOTHING, etag: '' };
    this.fields = kept?.fields ?? { ...this.base.fields };
    this.place = kept?.place ?? { ns: '', id: '' };
    this.sent = kept?.sent ?? null;
    this.wasKept = Boolean(kept);
  }

  get isChanged() {
    return !same(this.fields, this.base.fields) || Boolean(this.place.id);
  }

  /** Takes a version over as it is. */
  begin(book, etag) {
    this.base = { fields: fieldsOf(book), etag };
    this.fields = { ...this.base.fields };
    this.forget();
  }

  set(name, value) {
    if (FIELDS.includes(name)) this.fields[name] = value;
    else this.place[name] = value;
    this.keep();
  }

  keep() {
    const { base, fields, place, sent } = this;
    if (this.isChanged) keep(this.name, { base, fields, place, sent });
    else forget(this.name);
  }

  /** The key of a request to make this book: the same for the same content, after a reload too. */
  key(body) {
    const content = JSON.stringify(body);
    if (this.sent?.content !== content) this.sent = { content, key: newKey() };
    this.keep();
    return this.sent.key;
  }

  forget() {
    this.wasKept = false;
    forget(this.name);
  }
}
