// The page around its views: navigation, sign-in, and the only place that renders.

import { render } from './lit-html.js';
import { hash, html, nothing, parse } from './parts.js';
import { forget, keep, session, signOut } from './session.js';
import { t } from './texts.js';

/**
 * Starts the page.
 * @param {{nav: [string, string][], views: Record<string, Page.ViewClass>, asksTenant?: boolean}} page `nav` lists
 *   views, each with the name of its text; the view with the empty name is the first one.
 */
export function start({ nav, views, asksTenant = false }) {
  const signIn = new SignIn(draw, asksTenant);
  const root = document.getElementById('page');
  let shown = { parts: null, view: null, stop: new AbortController() };
  let isDrawing = false;

  /** Renders changes, at most once per frame. A hidden page gets no frames. */
  function draw() {
    if (isDrawing) return;
    isDrawing = true;
    const now = () => {
      isDrawing = false;
      render(template(), root);
      document.title = [shown.view.title, t('app')].filter(Boolean).join(' · ').replace(/[\u2068\u2069]/g, '');
    };
    if (document.hidden) setTimeout(now);
    else requestAnimationFrame(now);
  }

  function go(address, replace = false) {
    history[replace ? 'replaceState' : 'pushState'](null, '', address);
    navigate();
  }

  function navigate(isFirst = false) {
    const { parts, query } = parse(location.hash);
    if (shown.view?.changed && String(parts) === String(shown.parts)) {
      shown.view.changed(query);
      return draw();
    }
    shown.stop.abort();
    const stop = new AbortController();
    const context = { parts: parts.slice(1), query, signal: stop.signal, update: draw, go };
    shown = { parts, stop, view: new (views[parts[0] ?? ''] ?? views[''])(context) };
    shown.view.load();
    draw();
    // Runs after the rendering, which was scheduled first.
    if (!isFirst) requestAnimationFrame(() => document.querySelector('h1')?.focus());
  }

  function template() {
    const here = shown.parts[0] ?? '';
    const skip = (event) => (event.preventDefault(), document.getElementById('main').focus());
    const link = ([name, words]) =>
      html`<a href=${hash([name])} aria-current=${here === name ? 'page' : nothing}>${t(words)}</a>`;
    return html`
      <a class="skip" href="#main" @click=${skip}>${t('skip')}</a>
      <header>
        <a class="brand" href="#/">${t('app')}</a>
        <nav aria-label=${t('nav')}>${nav.map(link)}</nav>
        ${signIn.status()}
      </header>
      <main id="main" tabindex="-1">${shown.view.view()}</main>
      ${signIn.view()}`;
  }

  session.ask = (kind, isRefused) => signIn.ask(kind, isRefused);
  addEventListener('popstate', () => navigate());
  document.addEventListener('visibilitychange', draw);
  navigate(true);
}

const dialog = () => /** @type {HTMLDialogElement} */ (document.getElementById('sign-in'));

/** The dialog for a token or a tenant's name. It opens over the page, so that nothing typed there is lost. */
class SignIn {
  /** The open question. */
  #asked = null;

  constructor(update, asksTenant) {
    this.update = update;
    this.asksTenant = asksTenant;
  }

  /** Resolves to true if the user answers, else to false. Concurrent calls share one dialog. */
  ask(kind, isRefused) {
    if (!this.#asked) {
      this.#asked = { kind, isRefused, ...Promise.withResolvers() };
      this.update();
      requestAnimationFrame(() => dialog().open || dialog().showModal());
    }
    return this.#asked.promise;
  }

  #answer(value) {
    const { kind, resolve } = this.#asked;
    this.#asked = null;
    if (value) keep(kind, (session[kind] = value));
    dialog().close();
    resolve(Boolean(value));
    this.update();
  }

  view() {
    const form = this.#asked ? this.#form(this.#asked) : nothing;
    return html`<dialog id="sign-in" aria-labelledby="sign-in-title" @cancel=${() => this.#answer('')}>${form}</dialog>`;
  }

  #form({ kind, isRefused }) {
    const submit = (event) => {
      event.preventDefault();
      const value = event.target.elements.value.value.trim();
      // The next question may reuse this form.
      event.target.reset();
      if (value) this.#answer(value);
    };
    return html`<form @submit=${submit}>
      <h2 id="sign-in-title">${t(`${kind}.title`)}</h2>
      ${isRefused ? html`<p class="error" role="alert">${t(`${kind}.refused`)}</p>` : nothing}
      <p id="sign-in-hint">${t(`${kind}.hint`)}</p>
      ${kind === 'token' ? html`<pre>kubectl create token NAME --audience ${t('audience')}</pre>` : nothing}
      <label for="sign-in-value">${t(`${kind}.label`)}</label>
      <input id="sign-in-value" name="value" type=${kind === 'token' ? 'password' : 'text'} autocomplete="off"
        spellcheck="false" required aria-describedby="sign-in-hint" />
      <p class="buttons">
        <button class="primary">${t('go')}</button>
        <button type="button" @click=${() => this.#answer('')}>${t('cancel')}</button>
      </p>
    </form>`;
  }

  /** The current caller, with buttons to change it. */
  status() {
    const { token, tenant } = session;
    const change = async () => {
      forget('tenant');
      if (await this.ask('tenant', false)) location.reload();
    };
    const button = (words, press) => html`<button type="button" @click=${press}>${t(words)}</button>`;
    return html`<span class="who">
      ${this.asksTenant && tenant ? html`<span>${t('you', { name: tenant })}</span>` : nothing}
      ${this.asksTenant && !token ? button(tenant ? 'tenant.other' : 'tenant.title', change) : nothing}
      ${token ? button('signout', signOut) : nothing}
    </span>`;
  }
}
