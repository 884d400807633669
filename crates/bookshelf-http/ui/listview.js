// A view of a live list: a form that filters it, its rows, and links to its pages.

import { LiveList } from './list.js';
import { View, empty, failure, hash, html, nothing, say } from './parts.js';
import { t } from './texts.js';

const TYPING = 300;

/** @template Item */
export class ListView extends View {
  title = '';
  /** The view in the address, and the texts for new rows, for an empty list, and for its hint. */
  names = { view: '', fresh: '', none: '', hint: '' };
  /** The values of the form. Submitting puts them into the address. */
  typed = this.query;
  /** @type {LiveList<Item> | null} */
  list = null;

  load() {
    this.changed(this.query);
    this.ask();
  }

  /** Shows the list for a query of the address. */
  changed(query) {
    const options = this.listOf(query);
    const context = this.begin(query);
    clearTimeout(this.typing);
    this.typed = query;
    this.list = options && new LiveList(context, { ...options, page: query.page });
    if (this.list) this.loadList();
    else this.goToFirst(this.names.view);
  }

  async loadList() {
    const { list } = this;
    await list.load();
    if (list !== this.list || list.phase !== 'ready') return;
    sayCount(list.rows, this.names.none);
    this.loaded(list.rows);
  }

  filter(change = {}, replace = false) {
    clearTimeout(this.typing);
    this.typed = { ...this.typed, page: '', ...change };
    this.context.go(hash([this.names.view], this.typed), replace);
  }

  /** Stores typed text, and filters once typing pauses. */
  type(name, value) {
    this.typed = { ...this.typed, [name]: value };
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.context.signal.aborted || this.filter({}, true), TYPING);
  }

  view() {
    const { list } = this;
    const submit = (event) => (event.preventDefault(), this.filter());
    const retry = () => (list ? this.loadList() : this.load());
    return html`
      <div class="heading"><h1 tabindex="-1">${this.title}</h1>${this.heading()}</div>
      <form class="filters" role="search" aria-label=${t('find')} @submit=${submit}>${this.form()}</form>
      ${(list ?? this).progress(() => this.ready(), () => this.empty(), retry)}`;
  }

  ready() {
    const { list, names } = this;
    const load = () => this.loadList();
    return html`
      ${news(list, names.fresh, load)} ${list.problem ? failure(list.problem, load) : nothing}
      ${list.rows.length ? html`<ul class="rows">${list.rows.map((row) => this.row(row))}</ul>` : this.empty()}
      ${pager(list, (page) => hash([names.view], { ...this.query, page }))}`;
  }

  // Each list overrides these.

  /** The options of the list for a query of the address; null if the query is incomplete. */
  /** @param {Page.Query} _query @returns {Page.ListOptions<Item> | null} */
  listOf(_query) {
    return null;
  }

  /** @param {Page.Row<Item>} _row */
  row(_row) {}
  /** @param {Page.Row<Item>[]} _rows */
  loaded(_rows) {}
  /** Loads the data of the form. */
  ask() {}
  form() {}
  heading() {}

  empty() {
    return empty(t(this.names.none), t(this.names.hint));
  }
}

/** Announces the number of rows. */
export const sayCount = (rows, none) => say(rows.length ? t('shown', { n: rows.length }) : t(none));

/** The new rows of a live list, and the state of its stream. `load` reloads, `words` names the text for new rows. */
export function news({ fresh, state }, words, load) {
  const reveal = () => load().then(() => document.querySelector('h1')?.focus());
  return html`<div class="news" aria-live="polite">
    ${fresh.size ? html`<button type="button" class="fresh" @click=${reveal}>${t(words, { n: fresh.size })}</button>` : nothing}
    ${state === 'waiting' ? html`<span class="hint">${t('stream.waiting')}</span>` : nothing}
    ${state === 'refused' ? html`<button type="button" @click=${reveal}>${t('refresh')}</button>` : nothing}
  </div>`;
}

/** Links to the pages of a list. */
export function pager({ before, next }, address) {
  if (before === undefined && !next) return nothing;
  const link = (page, words) => html`<a class="button" href=${address(page)}>${t(words)}</a>`;
  return html`<nav class="pager" aria-label=${t('pages')}>
    ${before === undefined ? nothing : link(before, before ? 'page.before' : 'page.first')}
    ${next ? link(next, 'page.next') : nothing}
  </nav>`;
}

/** A row of a list. White space or nested templates for its parts would add hundreds of nodes to fifty rows. */
export const row = ({ id, isGone = false, href, title, author, facts, action }) =>
  html`<li data-gone=${isGone} data-id=${id}
    ><a class="title" href=${href}><bdi dir="auto" .textContent=${title}></bdi></a
    ><span class="author"><bdi dir="auto" .textContent=${author}></bdi></span
    ><span class="facts">${facts}</span
    >${action ? html`<span class="action">${action}</span>` : nothing}</li>`;

/** A button of a row. It stays focusable when it is off, so that the focus is kept. */
export const rowButton = (words, about, isOff, press, kind = '') =>
  html`<button type="button" class=${kind} aria-disabled=${isOff} @click=${() => isOff || press()}
    >${t(words)}<span class="visually-hidden">: ${about}</span></button>`;
