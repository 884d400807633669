// The page around its views: navigation, who is asking, and the one place where anything is drawn.

import { render } from './lit-html.js';
import { hash, html, nothing, parse } from './parts.js';
import { forget, keep, session, signOut } from './session.js';
import { t } from './texts.js';

/**
 * Starts the page.
 * @param {{nav: [string, string][], views: Record<string, (context: Page.Context) => any>, asksTenant?: boolean}} page `nav` is a view and the name of its text, `views` makes a view of its context.
 */
export function start(page) {
  const signIn = new SignIn(draw, page.asksTenant);
  const root = document.getElementById('page');
  let shown = { parts: null, view: null, stop: new AbortController() };
  let isDrawing = false;

  /** Draws what has changed, once a frame. A hidden page has no frames. */
  function draw() {
    if (isDrawing) return;
    isDrawing = true;
    const now = () => {
      isDrawing = false;
      render(template(), root);
      const title = shown.view?.title;
      document.title = [title, t('app')].filter(Boolean).join(' · ').replace(/[\u2068\u2069]/g, '');
    };
    if (document.hidden) setTimeout(now);
    else requestAnimationFrame(now);
  }

  function go(address, replace = false) {
    if (replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
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
    shown = { parts, stop, view: (page.views[parts[0] ?? ''] ?? page.views[''])(context) };
    draw();
    // After the drawing, which was asked for before.
    if (!isFirst) requestAnimationFrame(() => document.querySelector('h1')?.focus());
  }

  function template() {
    const here = shown.parts?.[0] ?? '';
    const skip = (event) => (event.preventDefault(), document.getElementById('main')?.focus());
    return html`
      <a class="skip" href="#main" @click=${skip}>${t('skip')}</a>
      <header>
        <a class="brand" href="#/">${t('app')}</a>
        <nav aria-label=${t('nav')}>
          ${page.nav.map(
            ([name, words]) =>
              html`<a href=${hash(name ? [name] : [])} aria-current=${here === name ? 'page' : nothing}>${t(words)}</a>`,
          )}
        </nav>
        ${signIn.status(signOut)}
      </header>
      <main id="main" tabindex="-1">${shown.view?.view() ?? nothing}</main>
      ${signIn.view()}`;
  }

  session.ask = (kind, refused) => signIn.ask(kind, refused);
  session.changed = draw;
  addEventListener('popstate', () => navigate());
  document.addEventListener('visibilitychange', draw);
  navigate(true);
}

/** Who is asking: a token, or a tenant's name. Asked over the page, so that nothing typed there is lost. */
class SignIn {
  /** The dialog that is open. */
  #open = null;

  constructor(update, asksTenant = false) {
    this.update = update;
    this.asksTenant = asksTenant;
  }

  /** Resolves to true with an answer, to false without. Who asks meanwhile waits for the same. */
  ask(kind, refused) {
    if (!this.#open) {
      const open = { kind, refused, typed: '' };
      open.answered = new Promise((answer) => (open.answer = answer));
      this.#open = open;
      this.update();
      requestAnimationFrame(() => {
        const dialog = /** @type {HTMLDialogElement} */ (document.getElementById('sign-in'));
        if (!dialog.open) dialog.showModal();
      });
    }
    return this.#open.answered;
  }

  #close(answer) {
    const open = this.#open;
    this.#open = null;
    /** @type {HTMLDialogElement} */ (document.getElementById('sign-in')).close();
    open?.answer(answer);
    this.update();
  }

  #submit(event) {
    event.preventDefault();
    const { kind, typed } = this.#open;
    const value = typed.trim();
    if (!value) return;
    session[kind] = value;
    keep(kind, value);
    this.#close(true);
    session.changed();
  }

  view() {
    const open = this.#open;
    return html`<dialog id="sign-in" aria-labelledby="sign-in-title" @cancel=${() => this.#close(false)}>
      ${open ? this.#form(open) : nothing}
    </dialog>`;
  }

  #form(open) {
    const { kind, refused } = open;
    const input = (event) => (open.typed = event.target.value);
    return html`<form @submit=${(event) => this.#submit(event)}>
      <h2 id="sign-in-title">${t(`${kind}.title`)}</h2>
      ${refused ? html`<p class="error" role="alert">${t(`${kind}.refused`)}</p>` : nothing}
      <p id="sign-in-hint">${t(`${kind}.hint`)}</p>
      ${kind === 'token' ? html`<pre>kubectl create token NAME --audience ${t('audience')}</pre>` : nothing}
      <label for="sign-in-value">${t(`${kind}.label`)}</label>
      <input id="sign-in-value" type=${kind === 'token' ? 'password' : 'text'} autocomplete="off" spellcheck="false"
        required aria-describedby="sign-in-hint" .value=${open.typed} @input=${input} />
      <p class="buttons">
        <button class="primary">${t('go')}</button>
        <button type="button" @click=${() => this.#close(false)}>${t('cancel')}</button>
      </p>
    </form>`;
  }

  /** Who is asking, and the way to change that. */
  status(signOut) {
    const change = async () => {
      forget('tenant');
      if (await this.ask('tenant', false)) location.reload();
    };
    return html`<span class="who">
      ${this.asksTenant && session.tenant ? html`<span>${t('you', { name: session.tenant })}</span>` : nothing}
      ${this.asksTenant && !session.token
        ? html`<button type="button" @click=${change}>${t(session.tenant ? 'tenant.other' : 'tenant.title')}</button>`
        : nothing}
      ${session.token ? html`<button type="button" @click=${signOut}>${t('signout')}</button>` : nothing}
    </span>`;
  }
}
