// Views, and their parts: messages, fields, addresses.

import { Problem, get } from './api.js';
import { html, nothing } from './lit-html.js';
import { explain, t, time } from './texts.js';

export { html, nothing };

/** A view. Its reads may be refused, and are aborted when the view is left. */
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

  /** Starts to load the content. */
  load() {}

  update() {
    this.context.update();
  }

  /** Runs a read and redraws the view. A problem becomes the view's error, unless the view was left. */
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

  /** Renders the phase: `ready` renders the content, `absent` that there is none. */
  progress(ready, absent = () => nothing, retry = () => this.load()) {
    if (this.phase === 'loading') return loading();
    if (this.phase === 'failed') return failure(this.problem, retry);
    return this.phase === 'ready' ? ready() : absent();
  }

  /** Runs work after `calm` milliseconds. Calls until then do nothing. */
  soon(work, calm = 1_000) {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (!this.context.signal.aborted) work();
    }, calm);
  }

  /** Aborts the requests of the previous query. Returns the context for those of this one. */
  begin(query) {
    this.query = query;
    this.begun?.abort();
    this.begun = new AbortController();
    return { ...this.context, signal: AbortSignal.any([this.context.signal, this.begun.signal]) };
  }

  /** Loads the namespaces for a view of one namespace. @param {string} view */
  askNamespaces(view) {
    return this.read(async () => {
      this.namespaces = await namespaces(this.context.signal);
      this.phase = this.namespaces.length ? 'loading' : 'absent';
      this.goToFirst(view);
    });
  }

  /** Goes to the first known namespace if the address has none. @param {string} view */
  goToFirst(view) {
    const [first] = this.namespaces;
    if (first && !this.query.ns) this.context.go(hash([view], { ...this.query, ns: first.id }), true);
  }
}

/** Returns the namespaces that have books. @returns {Promise<Api.Namespace[]>} */
export async function namespaces(signal) {
  return (await get('namespace', { signal })).data.list;
}

/** Text of a book or a person: its script determines its direction. */
export const text = (value) => html`<bdi dir="auto" .textContent=${value ?? ''}></bdi>`;

export const when = (value) => html`<time datetime=${value}>${time(value)}</time>`;

/** A status in words. Its sign never replaces the words. */
export const badge = (kind, words) => html`<span class="badge" data-kind=${kind} .textContent=${words}></span>`;

export const loading = () => html`<p class="loading" role="status">${t('loading')}</p>`;

/** An empty state: what is missing, and a hint. */
export const empty = (title, hint) =>
  html`<div class="empty"><p class="empty-title">${title}</p><p>${hint}</p></div>`;

/** The error of a view, with a button to retry. */
export const failure = (problem, retry) => html`
  <div class="notice" data-kind="error" role="alert">
    <p><strong>${t('failed')}</strong> ${explain(problem)}</p>
    <button type="button" @click=${retry}>${t('again')}</button>
  </div>`;

export const notice = (kind, content, actions = nothing) =>
  html`<div class="notice" data-kind=${kind}><p>${content}</p>${actions}</div>`;

/** Announces words to screen readers without moving the focus, also if they repeat. */
export function say(words) {
  const region = document.getElementById('said');
  region.textContent = region.textContent === words ? `${words}\u00a0` : words;
}

export function focus(id) {
  const element = document.getElementById(id);
  element?.focus();
  element?.scrollIntoView({ block: 'nearest' });
}

/** Moves the focus to an element of the next frame. */
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

/** A field with its label, hint and error. A field with `dir` is an identifier, not text. */
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

/** A choice of one namespace or, with `all`, of all namespaces. */
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

// Addresses within the page: `#/book/science-library/intro?…`. The server never sees them.

/** The address of a view. Empty values of the query are left out. */
export function hash(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = given.length ? `?${new URLSearchParams(given)}` : '';
  return `#/${parts.map(encodeURIComponent).join('/')}${search}`;
}

/** Parses an address. A malformed one leads to the first view. */
export function parse(address) {
  try {
    const [names, search = ''] = address.replace(/^#\/?/, '').split('?');
    const parts = names.split('/').map(decodeURIComponent).filter(Boolean);
    return { parts, query: Object.fromEntries(new URLSearchParams(search)) };
  } catch {
    return { parts: [], query: {} };
  }
}
