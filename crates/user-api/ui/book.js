// One book, for a tenant.

import { Problem, get, path, pause } from './api.js';
import { History } from './history.js';
import { Lending } from './lending.js';
import { empty, failure, hash, html, loading, nothing, notice, text, when } from './parts.js';
import { follow } from './stream.js';
import { t } from './texts.js';

export class Book {
  constructor(context) {
    this.context = context;
    [this.ns, this.id] = context.parts;
    this.lending = new Lending(context);
    const past = `${path('book', this.ns, this.id)}/history`;
    this.history = new History({ path: past, context, isQuiet: true });
    this.phase = 'loading';
    this.changes = 0;
    this.load();
  }

  get title() {
    return this.book?.title ?? this.id;
  }

  async load() {
    const { signal, update } = this.context;
    try {
      const { data, version } = await get(path('book', this.ns, this.id), { signal });
      this.changes += 1;
      this.isDeleted = false;
      this.show(data);
      await this.lending.load([data]);
      this.follow(version);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.phase = 'failed';
      this.problem = error;
    }
    update();
  }

  show(book) {
    this.book = book;
    this.phase = 'ready';
  }

  // The book of an event with its description, which streams may leave out.
  async whole(book, version) {
    if (book.description) return book;
    const { signal } = this.context;
    try {
      const headers = { 'X-Resource-Version': version };
      const { data } = await get(path('book', this.ns, this.id), { headers, signal });
      return { ...book, description: data.description };
    } catch (error) {
      if (error instanceof Problem || signal.aborted) return { ...book, description: this.book.description };
      throw error;
    }
  }

  follow(version) {
    const { signal, update } = this.context;
    const on = async (event, book, id) => {
      if (event === 'reset') {
        await pause(1000, signal);
        return signal.aborted || this.load();
      }
      if (book.id !== this.id) return;
      const number = ++this.changes;
      const isDeleted = event === 'deleted';
      const shown = isDeleted ? this.book : await this.whole(book, id);
      if (signal.aborted || number !== this.changes) return;
      this.isDeleted = isDeleted;
      this.show(shown);
      this.lending.changed(book);
      this.history.refresh();
      update();
    };
    follow(path('book', this.ns), {}, version, { on, state: () => {}, signal });
  }

  view() {
    return html`
      <p class="crumbs"><a href=${hash([], { ns: this.ns })}>${this.ns}</a> / ${this.id}</p>
      <h1 tabindex="-1">${text(this.title)}</h1>
      ${this.content()} ${this.history.events.length ? this.history.view(t('history.book')) : nothing}`;
  }

  content() {
    const { book, phase, problem } = this;
    if (phase === 'loading') return loading();
    if (phase === 'failed') {
      const back = html`<a href=${hash([])}>${t('books')}</a>`;
      return problem.status === 404 ? empty(t('book.none'), back) : failure(problem, () => this.load());
    }
    const loan = this.lending.mine.get(`${this.ns} ${this.id}`);
    return html`
      <p class="author">${text(book.author)}</p>
      ${this.isDeleted
        ? notice('warning', t('deleted.elsewhere'))
        : html`<p class="lend facts">${this.lending.status(book)} ${this.lending.action(book)}</p>`}
      ${loan ? html`<p>${t('since')} ${when(loan.borrowed_at)}</p>` : nothing}
      ${book.category_id ? html`<p><a href=${hash([], { category: book.category_id })}>${book.category_id}</a></p>` : nothing}
      ${book.description ? html`<p class="description" dir="auto">${book.description}</p>` : nothing}`;
  }
}
