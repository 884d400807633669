// Views, and their parts: messages, fields, addresses.

import { Problem, get } from './api.js';
import { html, nothing } from './lit-html.js';
import { explain, t, time } from './texts.js';

export { html, nothing };

/** A view. What it reads may be refused, and ends with the view. */
export class View {
  /** @type {'loading' | 'ready' | 'failed' | 'absent'} */
  phase = 'loading';
  /** @type {Problem | null} */
  problem = null;
  /** @type {Api.Namespace[]} */
  namespaces = [];

  /** @param {Page.Context} context */
  constructor(context) {
    this.context = context;
    this.query = context.query;
  }

  /** Begins to read what the view shows. */
  load() {}

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

  /** Draws how far the view is; `ready` and `absent` draw what there is, and that there is nothing. */
  progress(ready, absent = () => nothing, retry = () => this.load()) {
    if (this.phase === 'loading') return loading();
    if (this.phase === 'failed') return failure(this.problem, retry);
    return this.phase === 'ready' ? ready() : absent();
  }

  /** Works once it is calm: what is asked for meanwhile is the same work. */
  soon(work, calm = 1_000) {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (!this.context.signal.aborted) work();
    }, calm);
  }

  /** Ends what an earlier query of the address began. Returns the context of what this one begins. */
  begin(query) {
    this.query = query;
    this.begun?.abort();
    this.begun = new AbortController();
    return { ...this.context, signal: AbortSignal.any([this.context.signal, this.begun.signal]) };
  }

  /** Reads the namespaces for a view that shows one. @param {string} view */
  askNamespaces(view) {
    return this.read(async () => {
      this.namespaces = await namespaces(this.context.signal);
      this.phase = this.namespaces.length ? 'loading' : 'absent';
      this.goToFirst(view);
    });
  }

  /** Goes to the first namespace, if it is known, where the address has none. @param {string} view */
  goToFirst(view) {
    const [first] = this.namespaces;
    if (first && !this.query.ns) this.context.go(hash([view], { ...this.query, ns: first.id }), true);
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

/** Has screen readers say something, without moving the focus. The same words again are a change, too. */
export function say(words) {
  const region = document.getElementById('said');
  region.textContent = region.textContent === words ? `${words}\u00a0` : words;
}

export function focus(id) {
  const element = document.getElementById(id);
  element?.focus();
  element?.scrollIntoView({ block: 'nearest' });
}

/** Moves the focus to what the next frame draws. */
export const focusSoon = (id) => requestAnimationFrame(() => focus(id));

/** The errors of a form, each a link to its field. */
export function summary(errors) {
  if (!errors.length) return nothing;
  const go = (field) => (event) => (event.preventDefault(), focus(field));
  const link = ({ field, words }) => (field ? html`<a href="#${field}" @click=${go(field)}>${words}</a>` : words);
  return html`<div class="notice" data-kind="error" id="errors" tabindex="-1" aria-labelledby="errors-title">
    <h2 id="errors-title">${t('errors')}</h2>
    <ul>${errors.map((error) => html`<li>${link(error)}</li>`)}</ul>
  </div>`;
}

/** A field with its label, its hint and its error. One with a direction is a name, and no text of a language. */
export function field({ name, value, errors, input, hint = '', lines = 0, list = '', isRequired = false, dir = '' }) {
  const error = errors.find((one) => one.field === name);
  const described = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(' ') || nothing;
  const invalid = error ? 'true' : nothing;
  const change = (event) => input(name, event.target.value);
  return html`
    <div class="field" data-wrong=${Boolean(error)}>
      <label for=${name}>${t(`field.${name}`)}${isRequired ? nothing : html` <small>${t('optional')}</small>`}</label>
      ${hint ? html`<p class="hint" id="${name}-hint">${hint}</p>` : nothing}
      ${error ? html`<p class="error" id="${name}-error">${error.words}</p>` : nothing}
      ${lines
        ? html`<textarea id=${name} rows=${lines} dir="auto" .value=${value}
            aria-describedby=${described} aria-invalid=${invalid} @input=${change}></textarea>`
        : html`<input id=${name} dir=${dir || 'auto'} .value=${value} list=${list || nothing}
            autocomplete="off" spellcheck=${dir ? 'false' : nothing} aria-required=${isRequired}
            aria-describedby=${described} aria-invalid=${invalid} @input=${change} />`}
    </div>`;
}

/** A choice of namespaces. With `all`, none is one, too. */
export function namespaceSelect(namespaces, chosen, all, change) {
  const names = [...new Set([...namespaces.map((one) => one.id), ...(chosen ? [chosen] : [])])];
  const option = (name, words) => html`<option value=${name} ?selected=${name === chosen} .textContent=${words}></option>`;
  return html`<div class="field">
    <label for="ns">${t('field.namespace_id')}</label>
    <select id="ns" @change=${(event) => change(event.target.value)}>
      ${all ? option('', t('namespaces.all')) : nothing} ${names.map((name) => option(name, name))}
    </select>
  </div>`;
}

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
