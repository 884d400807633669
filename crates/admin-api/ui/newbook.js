// A new book. However often its button is pressed or its answer is lost, it is one.

import { path, send } from './api.js';
import { namespaces } from './books.js';
import { newBookView } from './bookview.js';
import { Draft, Form } from './form.js';
import { hash, say } from './parts.js';
import { t } from './texts.js';

export class NewBook extends Form {
  constructor(context) {
    super(context);
    this.draft = new Draft('new');
    this.draft.place.ns ||= context.query.ns ?? '';
    this.namespaces = [];
    this.load();
  }

  get title() {
    return t('new');
  }

  view() {
    return newBookView(this);
  }

  async load() {
    this.namespaces = await namespaces(this.context.signal).catch(() => []);
    this.update();
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
    this.errors = [];
    this.update();
  }
}
