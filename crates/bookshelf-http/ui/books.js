// The live list of books, with search and pages. Each API's page adds its own actions.

import { get, path } from './api.js';
import { bookKey } from './list.js';
import { ListView, row } from './listview.js';
import { badge, empty, hash, html, namespaceSelect, namespaces, nothing, text } from './parts.js';
import { t } from './texts.js';

/** Tested once: with `--search=false` every search is refused. */
let isSearchable;

/** @param {Pick<Api.Book, 'namespace_id' | 'id'>} book */
export const link = (book) => hash(['book', book.namespace_id, book.id]);

/** The page of one book: its location, title and content. */
export function bookPage(view, ready) {
  const books = (words) => html`<a href=${hash([''], { ns: view.ns })}>${words}</a>`;
  return html`
    <p class="crumbs">${books(view.ns)} / ${view.id}</p>
    <h1 tabindex="-1">${text(view.title)}</h1>
    ${view.progress(ready, () => empty(t('book.none'), books(t('books'))))}`;
}

const fact = (words) => html`<span .textContent=${words}></span>`;

/** @extends {ListView<Api.Book>} */
export class Books extends ListView {
  title = t('books');
  names = { view: '', fresh: 'fresh', none: 'books.none', hint: 'books.empty.hint' };
  isSearchable = true;

  async ask() {
    const { signal } = this.context;
    try {
      this.namespaces = await namespaces(signal);
      isSearchable ??= get('book', { query: { q: 'a', limit: 1 }, signal, isQuiet: true }).then(
        () => true,
        (problem) => problem.field !== 'q',
      );
      this.isSearchable = await isSearchable;
    } catch {
      // The list shows the error.
      isSearchable = undefined;
    }
    this.update();
  }

  /** @param {Page.Query} query */
  listOf({ ns, category = '', q }) {
    const changed = (book) => this.bookChanged(book);
    return { path: path('book', ns), filter: { category_id: category }, q, key: bookKey, changed };
  }

  form() {
    const { typed } = this;
    const categories = [...new Set(this.list.rows.map((row) => row.item.category_id).filter(Boolean))].sort();
    const search = html`<div class="field grow">
      <label for="q">${t('search')}</label>
      <input id="q" type="search" dir="auto" maxlength="256" autocomplete="off" .value=${typed.q ?? ''}
        @input=${(event) => this.type('q', event.target.value)} />
    </div>`;
    return html`
      ${this.isSearchable ? search : nothing}
      ${namespaceSelect(this.namespaces, typed.ns ?? '', true, (ns) => this.filter({ ns }))}
      <div class="field">
        <label for="category">${t('field.category_id')}</label>
        <input id="category" list="categories" autocomplete="off" spellcheck="false" .value=${typed.category ?? ''}
          @input=${(event) => this.type('category', event.target.value.trim())} />
        <datalist id="categories">${categories.map((one) => html`<option value=${one}></option>`)}</datalist>
      </div>
      <button class="visually-hidden">${t('search')}</button>`;
  }

  empty() {
    const { q, category, ns } = this.query;
    if (q || category || ns) return empty(t('books.none'), html`<a href=${hash([''])}>${t('filters.clear')}</a>`);
    return empty(t('books.empty'), t(this.names.hint));
  }

  /** @param {Page.Row<Api.Book>} shown */
  row({ item: book, isGone }) {
    const place = this.query.ns ? nothing : fact(book.namespace_id);
    const category = book.category_id ? fact(book.category_id) : nothing;
    return row({
      id: book.id,
      isGone,
      href: link(book),
      title: book.title,
      author: book.author,
      facts: html`${place}${category}${isGone ? badge('gone', t('deleted')) : this.status(book)}`,
      action: !isGone && this.action(book),
    });
  }

  // Each API's page overrides these. A row without an action has no element for it.

  /** @param {Api.Book} _book */
  bookChanged(_book) {}
  /** @param {Api.Book} _book */
  status(_book) {}
  /** @param {Api.Book} _book @returns {any} */
  action(_book) {}
}
