// The page around its views: navigation, who is asking, and the one place where anything is drawn.

import { render } from './lit-html.js';
import { html, nothing } from './parts.js';
import { hash, parse } from './route.js';
import { session, signOut } from './session.js';
import { SignIn } from './signin.js';
import { t } from './texts.js';

/**
 * Starts the page.
 * @param {{name: string, nav: [string, string][], views: Record<string, (context: any) => any>,
 *   asksTenant?: boolean}} page `nav` is a view and the name of its text, `views` makes a view of its context.
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
