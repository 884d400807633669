// One book, for a tenant.

import { Problem, get, path } from './api.js';
import { bookPage } from './books.js';
import { History } from './history.js';
import { Lending } from './lending.js';
import { View, hash, html, nothing, notice, text, when } from './parts.js';
import { follow } from './stream.js';
import { t } from './texts.js';

export class Book extends View {
  /** @type {Api.Book | undefined} */
  book;
  isDeleted = false;
  changes = 0;
  lending = new Lending(this.context);

  constructor(context) {
    super(context);
    const [ns, id] = context.parts;
    this.ns = ns;
    this.id = id;
    this.to = path('book', ns, id);
    this.history = new History(context, `${this.to}/history`, { isQuiet: true });
  }

  get title() {
    return this.book?.title ?? this.id;
  }

  load() {
    return this.read(async () => {
      const { data, version } = await get(this.to, { signal: this.context.signal });
      this.changes += 1;
      Object.assign(this, { book: data, phase: 'ready', isDeleted: false });
      await this.lending.load([data]);
      this.follow(version);
    });
  }

  refused(problem) {
    this.phase = problem.status === 404 ? 'absent' : 'failed';
  }

  /** Adds the description to the book of an event if it is missing. @param {Api.Book} book @param {string} version */
  async whole(book, version) {
    if (book.description) return book;
    const { signal } = this.context;
    try {
      const headers = { 'X-Resource-Version': version };
      const { data } = await get(this.to, { headers, signal });
      return { ...book, description: data.description };
    } catch (error) {
      if (error instanceof Problem || signal.aborted) return { ...book, description: this.book.description };
      throw error;
    }
  }

  follow(version) {
    const { signal } = this.context;
    const on = async (event, book, id) => {
      if (book.id !== this.id) return;
      const number = ++this.changes;
      const isDeleted = event === 'deleted';
      const shown = isDeleted ? this.book : await this.whole(book, id);
      if (signal.aborted || number !== this.changes) return;
      Object.assign(this, { book: shown, isDeleted });
      this.lending.changed(book);
      this.history.refresh();
      this.update();
    };
    follow(path('book', this.ns), version, { on, reset: () => this.load(), signal });
  }

  view() {
    return html`
      ${bookPage(this, () => this.ready())}
      ${this.history.events.length ? this.history.view(t('history.book')) : nothing}`;
  }

  ready() {
    const { book, lending } = this;
    const loan = lending.loanOf(book);
    return html`
      <p class="author">${text(book.author)}</p>
      ${this.isDeleted
        ? notice('warning', t('deleted.elsewhere'))
        : html`<p class="lend facts">${lending.status(book)} ${lending.action(book)}</p>`}
      ${loan ? html`<p>${t('since')} ${when(loan.borrowed_at)}</p>` : nothing}
      ${book.category_id ? html`<p><a href=${hash([''], { category: book.category_id })}>${book.category_id}</a></p>` : nothing}
      ${book.description ? html`<p class="description" dir="auto">${book.description}</p>` : nothing}`;
  }
}
