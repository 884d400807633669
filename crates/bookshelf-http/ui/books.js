// The books of the library: found, paged, and kept up to date. Each API's page adds what one can do with them.

import { get, path } from './api.js';
import { LiveList, bookKey } from './list.js';
import {
  View, badge, empty, failure, hash, html, loading, namespaceSelect, namespaces, news, nothing, pager, sayCount, text,
} from './parts.js';
import { t } from './texts.js';

const TYPING = 300;

/** Asked once: `--search=false` refuses every search. */
let isSearchable;

/** @param {Pick<Api.Book, 'namespace_id' | 'id'>} book */
export const link = (book) => hash(['book', book.namespace_id, book.id]);

const fact = (words) => html`<span .textContent=${words}></span>`;

export class Books extends View {
  /** @param {Page.Context} context @param {Page.OwnBooks} own */
  constructor(context, own = {}) {
    super(context);
    this.title = t('books');
    this.own = own;
    this.isSearchable = true;
    this.changed(context.query);
    this.ask();
  }

  async ask() {
    const { signal, update } = this.context;
    try {
      this.namespaces = await namespaces(signal);
      isSearchable ??= get('book', { query: { q: 'a', limit: 1 }, signal, isQuiet: true }).then(
        () => true,
        (problem) => problem.field !== 'q',
      );
      this.isSearchable = await isSearchable;
    } catch {
      // The list itself says what is wrong.
      isSearchable = undefined;
    }
    update();
  }

  /** Shows what another query of the address asks for. */
  changed(query) {
    const { ns = '', category = '', q = '', page = '' } = query;
    const filter = { category_id: category };
    this.typed = query;
    /** @type {LiveList<Api.Book>} */
    this.list = new LiveList(this.begin(query), {
      path: path('book', ns),
      query: { ...filter, q },
      filter,
      page,
      key: bookKey,
      changed: (book) => this.own.changed?.(book),
    });
    this.load();
  }

  async load() {
    const { list } = this;
    await list.load();
    if (list !== this.list || list.phase !== 'ready') return;
    sayCount(list.rows, 'books.none');
    this.own.loaded?.(this);
  }

  filter(change, replace) {
    clearTimeout(this.timer);
    this.typed = { ...this.typed, page: '', ...change };
    this.context.go(hash([], this.typed), replace);
  }

  typing(name, value) {
    this.typed = { ...this.typed, [name]: value };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.filter({}, true), TYPING);
  }

  view() {
    const { list } = this;
    return html`
      <div class="heading">
        <h1 tabindex="-1">${this.title}</h1>
        ${this.own.heading?.(this) ?? nothing}
      </div>
      ${this.form()}
      ${list.phase === 'loading' ? loading() : nothing}
      ${list.phase === 'failed' ? failure(list.problem, () => this.load()) : nothing}
      ${list.phase === 'ready' ? this.ready() : nothing}`;
  }

  form() {
    const { typed } = this;
    const submit = (event) => (event.preventDefault(), this.filter({}, false));
    const categories = [...new Set(this.list.rows.map((row) => row.item.category_id).filter(Boolean))].sort();
    return html`
      <form class="filters" role="search" aria-label=${t('find')} @submit=${submit}>
        ${!this.isSearchable
          ? nothing
          : html`<div class="field grow">
              <label for="q">${t('search')}</label>
              <input id="q" type="search" dir="auto" maxlength="256" autocomplete="off" .value=${typed.q ?? ''}
                @input=${(event) => this.typing('q', event.target.value)} />
            </div>`}
        ${namespaceSelect(this.namespaces, typed.ns ?? '', true, (event) => this.filter({ ns: event.target.value }, false))}
        <div class="field">
          <label for="category">${t('field.category_id')}</label>
          <input id="category" list="categories" autocomplete="off" spellcheck="false" .value=${typed.category ?? ''}
            @input=${(event) => this.typing('category', event.target.value.trim())} />
          <datalist id="categories">${categories.map((one) => html`<option value=${one}></option>`)}</datalist>
        </div>
        <button class="visually-hidden">${t('search')}</button>
      </form>`;
  }

  ready() {
    const { list, typed } = this;
    const isFiltered = typed.q || typed.category || typed.ns;
    const none = isFiltered
      ? empty(t('books.none'), html`<a href=${hash([])}>${t('filters.clear')}</a>`)
      : empty(t('books.empty'), this.own.hint?.() ?? t('books.empty.hint'));
    return html`
      ${news(list, 'fresh', () => this.load())}
      ${list.problem ? failure(list.problem, () => this.load()) : nothing}
      ${list.rows.length === 0 ? none : html`<ul class="rows">${list.rows.map((row) => this.row(row))}</ul>`}
      ${pager(list, (page) => hash([], { ...typed, page }))}`;
  }

  /** @param {Page.Row<Api.Book>} row */
  row(row) {
    const { item: book, isGone } = row;
    // White space between the parts of fifty rows would be hundreds of nodes.
    return html`<li data-gone=${isGone} data-id=${book.id}
      ><a class="title" href=${link(book)}>${text(book.title)}</a
      ><span class="author">${text(book.author)}</span
      ><span class="facts"
        >${this.typed.ns ? nothing : fact(book.namespace_id)}${book.category_id ? fact(book.category_id) : nothing}${
          isGone ? badge('gone', t('deleted')) : (this.own.status?.(row) ?? nothing)
        }</span
      >${this.own.action && !isGone ? html`<span class="action">${this.own.action(row)}</span>` : nothing}</li>`;
  }
}

