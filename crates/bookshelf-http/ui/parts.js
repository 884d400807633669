// Views, and their parts: messages, fields, lists.

import { Problem, get } from './api.js';
import { html, nothing } from './lit-html.js';
import { explain, t, time } from './texts.js';

export { html, nothing };

/** A view: what it reads may be refused, and ends with the view. */
export class View {
  /** @param {Page.Context} context */
  constructor(context) {
    this.context = context;
    /** @type {'loading' | 'ready' | 'failed' | 'absent'} */
    this.phase = 'loading';
    /** @type {Problem | null} */
    this.problem = null;
    /** @type {Api.Namespace[]} */
    this.namespaces = [];
    this.query = context.query;
  }

  update() {
    this.context.update();
  }

  /** Reads for the view, and draws it. A problem is the view's own; one of a view that was left is nobody's. */
  async read(work) {
    try {
      await work();
      this.problem = null;
    } catch (error) {
      if (this.context.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
      this.refused(error);
    }
    this.update();
  }

  /** @param {Problem} _problem */
  refused(_problem) {
    this.phase = 'failed';
  }

  /** Ends what an earlier query of the address began. Returns the context of what this one begins. */
  begin(query) {
    this.query = query;
    this.begun?.abort();
    this.begun = new AbortController();
    return { ...this.context, signal: AbortSignal.any([this.context.signal, this.begun.signal]) };
  }

  /** Reads the namespaces, and goes to the first of them where the address names none. */
  askNamespaces(name) {
    const { signal, go } = this.context;
    return this.read(async () => {
      this.namespaces = await namespaces(signal);
      const [first] = this.namespaces;
      if (!first) this.phase = 'absent';
      else if (!this.query.ns) go(hash([name], { ...this.query, ns: first.id }), true);
    });
  }
}

/** The namespaces with books, for a choice. @returns {Promise<Api.Namespace[]>} */
export async function namespaces(signal) {
  return (await get('namespace', { signal })).data.list;
}

/** Text of a book or a person: its script decides its direction. */
export const text = (value) => html`<bdi dir="auto" .textContent=${value ?? ''}></bdi>`;

export const when = (value) => html`<time datetime=${value}>${time(value)}</time>`;

/** What a status line says in words has its sign beside it, never instead. */
export const badge = (kind, words) => html`<span class="badge" data-kind=${kind} .textContent=${words}></span>`;

export const loading = () => html`<p class="loading" role="status">${t('loading')}</p>`;

/** An empty state: what is not there, and what to do. */
export const empty = (title, hint) =>
  html`<div class="empty"><p class="empty-title">${title}</p><p>${hint}</p></div>`;

/** The error of a view, with a way to go on. */
export const failure = (problem, retry) => html`
  <div class="notice" data-kind="error" role="alert">
    <p><strong>${t('failed')}</strong> ${explain(problem)}</p>
    <button type="button" @click=${retry}>${t('again')}</button>
  </div>`;

export const notice = (kind, content, actions = nothing) =>
  html`<div class="notice" data-kind=${kind}><p>${content}</p>${actions}</div>`;

let says = 0;

/** Has screen readers say something, without moving the focus. */
export function say(words) {
  const region = document.getElementById('said');
  // The same words again are a change, too.
  says += 1;
  region.textContent = words + (says % 2 ? '' : '\u00a0');
}

export function focus(id) {
  const element = document.getElementById(id);
  element?.focus();
  element?.scrollIntoView({ block: 'nearest' });
}

/** Says how many rows there are now. */
export const sayCount = (rows, none) => say(rows.length ? t('shown', { n: rows.length }) : t(none));

/** The errors of a form, each a link to its field. */
export const summary = (errors) =>
  errors.length === 0
    ? nothing
    : html`<div class="notice" data-kind="error" id="errors" tabindex="-1" aria-labelledby="errors-title">
        <h2 id="errors-title">${t('errors')}</h2>
        <ul>
          ${errors.map(({ field, words }) =>
            field
              ? html`<li><a href="#${field}" @click=${(event) => (event.preventDefault(), focus(field))}>${words}</a></li>`
              : html`<li>${words}</li>`,
          )}
        </ul>
      </div>`;

/** A field with its label, its hint and its error. */
export function field({ name, value, errors, input, hint = '', lines = 0, list = '', required = false, dir = '' }) {
  const error = errors.find((one) => one.field === name);
  const described = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(' ');
  const change = (event) => input(name, event.target.value);
  const direction = dir || 'auto';
  return html`
    <div class="field" data-wrong=${Boolean(error)}>
      <label for=${name}>${t(`field.${name}`)}${required ? nothing : html` <small>${t('optional')}</small>`}</label>
      ${hint ? html`<p class="hint" id="${name}-hint">${hint}</p>` : nothing}
      ${error ? html`<p class="error" id="${name}-error">${error.words}</p>` : nothing}
      ${lines
        ? html`<textarea id=${name} name=${name} rows=${lines} dir=${direction} .value=${value}
            aria-describedby=${described || nothing} aria-invalid=${error ? 'true' : nothing} @input=${change}></textarea>`
        : html`<input id=${name} name=${name} dir=${direction} .value=${value} list=${list || nothing}
            autocomplete="off" spellcheck=${dir ? 'false' : nothing} aria-required=${required ? 'true' : nothing}
            aria-describedby=${described || nothing} aria-invalid=${error ? 'true' : nothing} @input=${change} />`}
    </div>`;
}

/** A choice of namespaces. With `all`, none is one, too. */
export const namespaceSelect = (namespaces, chosen, all, change, id = 'ns') => html`
  <div class="field">
    <label for=${id}>${t('field.namespace_id')}</label>
    <select id=${id} name="ns" @change=${change}>
      ${all ? html`<option value="" ?selected=${!chosen}>${t('namespaces.all')}</option>` : nothing}
      ${(namespaces.some((one) => one.id === chosen) || !chosen ? namespaces : [...namespaces, { id: chosen }]).map(
        (one) => html`<option value=${one.id} ?selected=${one.id === chosen} .textContent=${one.id}></option>`,
      )}
    </select>
  </div>`;

/** New rows of a live list, and how live it is. `load` lists anew, `words` names the text of the new ones. */
export function news({ fresh, state }, words, load) {
  const reveal = () => load().then(() => document.querySelector('h1')?.focus());
  return html`<div class="news" aria-live="polite">
    ${fresh.size ? html`<button type="button" class="fresh" @click=${reveal}>${t(words, { n: fresh.size })}</button>` : nothing}
    ${state === 'waiting' ? html`<span class="hint">${t('stream.waiting')}</span>` : nothing}
    ${state === 'refused' ? html`<button type="button" @click=${reveal}>${t('refresh')}</button>` : nothing}
  </div>`;
}

/** Links to the pages of a list. */
export const pager = (list, link) =>
  list.before === undefined && !list.next
    ? nothing
    : html`<nav class="pager" aria-label=${t('pages')}>
        ${list.before === undefined
          ? nothing
          : html`<a class="button" href=${link(list.before)}>${t(list.before ? 'page.before' : 'page.first')}</a>`}
        ${list.next ? html`<a class="button" href=${link(list.next)}>${t('page.next')}</a>` : nothing}
      </nav>`;

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
