// The history of a book or of a tenant's loans: the newest events first, more on request.

import { get } from './api.js';
import { link } from './books.js';
import { View, failure, html, nothing, say, text, when } from './parts.js';
import { t } from './texts.js';

const LIMIT = 20;
/** The maximum page size. */
const MOST = 1_000;
/** The statuses if the history is turned off, or the caller is not known yet. */
const ABSENT = [400, 401, 404];

export class History extends View {
  /** @type {Api.HistoryEvent[]} */
  events = [];
  next = '';

  /** @param {Page.Context} context @param {string} path @param {{isOfMany?: boolean, isQuiet?: boolean}} options */
  constructor(context, path, { isOfMany = false, isQuiet = false } = {}) {
    super(context);
    this.path = path;
    this.isOfMany = isOfMany;
    this.isQuiet = isQuiet;
    this.load();
  }

  load() {
    return this.ask({ limit: Math.min(MOST, Math.max(LIMIT, this.events.length)) }, []);
  }

  /** Reloads the shown events. */
  refresh() {
    this.soon(() => this.load());
  }

  async more() {
    await this.ask({ limit: LIMIT, continue: this.next }, this.events);
    say(t('shown', { n: this.events.length }));
  }

  ask(query, before) {
    return this.read(async () => {
      const { data } = await get(this.path, { query, signal: this.context.signal, isQuiet: this.isQuiet });
      this.events = [...before, ...data.list];
      this.next = data.continue ?? '';
      this.phase = 'ready';
    });
  }

  refused(problem) {
    const isAbsent = ABSENT.includes(problem.status);
    if (isAbsent) this.problem = null;
    if (this.events.length === 0) this.phase = isAbsent ? 'absent' : 'failed';
  }

  /** @param {string} heading */
  view(heading) {
    if (this.phase === 'absent') return nothing;
    return html`<section class="history"><h2>${heading}</h2>${this.list(() => html`<p>${t('history.none')}</p>`)}</section>`;
  }

  /** Renders the events, or `none()` if there are none. */
  list(none) {
    return this.progress(() => this.ready(none), none);
  }

  ready(none) {
    const { events, next, problem } = this;
    const more = html`<p><button type="button" @click=${() => this.more()}>${t('history.more')}</button></p>`;
    return html`
      ${problem ? failure(problem, () => this.load()) : nothing}
      ${events.length ? html`<ol class="rows">${events.map((event) => this.row(event))}</ol>` : none()}
      ${next ? more : nothing}`;
  }

  /** @param {Api.HistoryEvent} event */
  row({ at, event, forced, borrowed_by: tenant, by, book_id: id, namespace_id }) {
    const words = [t(`event.${event}`), forced ? t('event.forced') : ''].filter(Boolean).join(', ');
    return html`<li data-event=${event} data-id=${id}>
      <span class="title">${words}</span>
      <span class="author">
        ${this.isOfMany ? html`<a href=${link({ namespace_id, id })}>${text(id)}</a>` : tenant ? text(tenant) : nothing}
        ${by && by !== tenant ? html`<span>${t('event.by', { name: by })}</span>` : nothing}
      </span>
      <span class="facts">${when(at)}</span>
    </li>`;
  }
}
