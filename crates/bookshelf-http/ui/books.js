// The books of the library: found, paged, and kept up to date. Each API's page adds what one can do with them.

import { get, path } from './api.js';
import { LiveList, bookKey } from './list.js';
import { badge, empty, failure, hash, html, loading, namespaceSelect, nothing, pager, say, text } from './parts.js';
import { t } from './texts.js';

const TYPING = 300;

/** Asked once: `--search=false` refuses every search. */
let isSearchable;

/** The namespaces with books, for a choice. */
export async function namespaces(signal) {
  return (await get('namespace', { signal })).data.list;
}

export const link = (book) => hash(['book', book.namespace_id, book.id]);

const fact = (words) => html`<span .textContent=${words}></span>`;

export class Books {
  /** @param {any} context @param {{action?: (row: any, view: Books) => any, status?: (row: any, view: Books) => any}} own */
  constructor(context, own = {}) {
    this.context = context;
    this.own = own;
    this.namespaces = [];
    this.typed = context.query;
    this.open(context.query);
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

  open({ ns = '', category = '', q = '', page = '' }) {
    this.stop?.abort();
    this.stop = new AbortController();
    const filter = { category_id: category };
    this.list = new LiveList({
      path: path('book', ns),
      query: { ...filter, q },
      filter,
      page,
      key: bookKey,
      update: this.context.update,
      signal: AbortSignal.any([this.context.signal, this.stop.signal]),
      changed: (book) => this.own.changed?.(book, this),
    });
    this.load(this.list);
  }

  async load(list = this.list) {
    await list.load();
    if (list !== this.list || list.phase !== 'ready') return;
    say(list.rows.length ? t('shown', { n: list.rows.length }) : t('books.none'));
    this.own.loaded?.(this);
  }

  /** The address has another query. */
  changed(query) {
    this.typed = query;
    this.open(query);
  }

  get title() {
    return t('books');
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
        ${this.isSearchable === false
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
      ${this.news()}
      ${list.problem ? failure(list.problem, () => this.load()) : nothing}
      ${list.rows.length === 0 ? none : html`<ul class="rows">${list.rows.map((row) => this.row(row))}</ul>`}
      ${pager(list, (page) => hash([], { ...typed, page }))}`;
  }

  /** New rows, and how live the page is. */
  news() {
    const { list } = this;
    const count = list.fresh.size;
    const reveal = async () => {
      await this.load();
      document.querySelector('h1')?.focus();
    };
    return html`<div class="news" aria-live="polite">
      ${count ? html`<button type="button" class="fresh" @click=${reveal}>${t('fresh', { n: count })}</button>` : nothing}
      ${list.state === 'waiting' ? html`<span class="hint">${t('stream.waiting')}</span>` : nothing}
      ${list.state === 'refused'
        ? html`<button type="button" @click=${reveal}>${t('refresh')}</button>`
        : nothing}
    </div>`;
  }

  row(row) {
    const { item: book, isGone } = row;
    // White space between the parts of fifty rows would be hundreds of nodes.
    return html`<li data-gone=${isGone} data-id=${book.id}
      ><a class="title" href=${link(book)}>${text(book.title)}</a
      ><span class="author">${text(book.author)}</span
      ><span class="facts"
        >${this.typed.ns ? nothing : fact(book.namespace_id)}${book.category_id ? fact(book.category_id) : nothing}${
          isGone ? badge('gone', t('deleted')) : (this.own.status?.(row, this) ?? nothing)
        }</span
      >${this.own.action && !isGone ? html`<span class="action">${this.own.action(row, this)}</span>` : nothing}</li>`;
  }
}

