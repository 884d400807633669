// A form that writes, one write at a time, and shows refusals.

import { Problem, path, send } from './api.js';
import { newBookView } from './bookview.js';
import { FIELDS, fieldsOf, same } from './conflict.js';
import { View, focusSoon, hash, namespaces, say } from './parts.js';
import { forget, keep, newKey, recall } from './session.js';
import { explainWrite, t } from './texts.js';

/** Fields that the API names differently from this page. */
const NAMES = { namespace_id: 'ns', namespace: 'ns', category: 'category_id' };
const IS_LATER = [401, 429, 503];

export class Form extends View {
  /** @type {Page.FormError[]} */
  errors = [];
  isBusy = false;
  isSaved = false;

  /** @param {Page.Context} context @param {Draft} draft */
  constructor(context, draft) {
    super(context);
    this.draft = draft;
  }

  input(name, value) {
    this.draft.set(name, value);
    this.isSaved = false;
    this.update();
  }

  async run(write) {
    if (this.isBusy) return;
    Object.assign(this, { isBusy: true, isSaved: false, errors: [] });
    this.update();
    try {
      await write();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const { field, status } = error;
      const words = [explainWrite(error), IS_LATER.includes(status) && t('kept')].filter(Boolean).join(' ');
      this.errors = [{ field: field && (NAMES[field] ?? field), words }];
    } finally {
      this.isBusy = false;
      this.report(this.errors);
    }
  }

  /** Reports missing values. Returns true if there are none. */
  hasAll(values) {
    const missing = Object.keys(values).filter((name) => !values[name].trim());
    this.report(missing.map((name) => ({ field: name, words: t('required', { name: t(`field.${name}`) }) })));
    return missing.length === 0;
  }

  /** @param {Page.FormError[]} errors */
  report(errors) {
    this.errors = errors;
    this.update();
    if (errors.length) focusSoon('errors');
  }
}

/** A book being edited, kept in the tab until it is saved or discarded. */
export class Draft {
  /** @param {string} name the key in the tab's storage */
  constructor(name) {
    this.name = `draft:${name}`;
    const kept = recall(this.name);
    /** The version that was shown when editing began. @type {Page.Version} */
    this.base = kept?.base ?? { fields: fieldsOf({}), etag: '' };
    /** @type {Page.Fields} */
    this.fields = kept?.fields ?? { ...this.base.fields };
    this.place = kept?.place ?? { ns: '', id: '' };
    this.sent = kept?.sent ?? null;
    this.wasKept = Boolean(kept);
  }

  get isChanged() {
    return !same(this.fields, this.base.fields) || Boolean(this.place.id);
  }

  /** Starts from a version, without changes. @param {Partial<Api.Book>} book */
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

  /** Applies changes, and keeps the draft. @param {Partial<Draft>} changes */
  keep(changes = {}) {
    const { base, fields, place, sent } = Object.assign(this, changes);
    if (this.isChanged) keep(this.name, { base, fields, place, sent });
    else forget(this.name);
  }

  /** The idempotency key to create this book: the same for the same content, even after a reload. */
  key(body) {
    const content = JSON.stringify(body);
    if (this.sent?.content !== content) this.keep({ sent: { content, key: newKey() } });
    return this.sent.key;
  }

  forget() {
    this.wasKept = false;
    forget(this.name);
  }
}

/** A new book. Repeated clicks and lost answers create it only once. */
export class NewBook extends Form {
  title = t('new');

  constructor(context) {
    super(context, new Draft('new'));
    this.draft.place.ns ||= context.query.ns ?? '';
  }

  async load() {
    this.namespaces = await namespaces(this.context.signal).catch(() => []);
    this.update();
  }

  view() {
    return newBookView(this);
  }

  create() {
    const { place, fields } = this.draft;
    const { title, author } = fields;
    if (this.isBusy || !this.hasAll({ ...place, title, author })) return;
    return this.run(async () => {
      const [ns, id] = [place.ns.trim(), place.id.trim()];
      const body = { id, ...fields };
      const headers = { 'Idempotency-Key': this.draft.key({ ns, ...body }) };
      try {
        await send('POST', path('book', ns), { body, headers });
      } catch (problem) {
        if (problem.code !== 'already_exists') throw problem;
        this.errors = [{ field: 'id', words: t('exists', { id, ns }) }];
        return;
      }
      this.draft.forget();
      say(t('created', { title }));
      this.context.go(hash(['book', ns, id]));
    });
  }

  discard() {
    this.draft.forget();
    this.draft = new Draft('new');
    this.report([]);
  }
}
