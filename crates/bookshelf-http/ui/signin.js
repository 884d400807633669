// Who is asking: a token, or a tenant's name. Asked over the page, so that nothing typed there is lost.

import { html, nothing } from './parts.js';
import { forget, keep, session } from './session.js';
import { t } from './texts.js';

export class SignIn {
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
      ${session.tenant ? html`<span>${t('you', { name: session.tenant })}</span>` : nothing}
      ${this.asksTenant && !session.token
        ? html`<button type="button" @click=${change}>${t(session.tenant ? 'tenant.other' : 'tenant.title')}</button>`
        : nothing}
      ${session.token ? html`<button type="button" @click=${signOut}>${t('signout')}</button>` : nothing}
    </span>`;
  }
}
