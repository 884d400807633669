// What happened to a book, or to somebody's loans: the newest first, the rest on request.

import { get } from './api.js';
import { link } from './books.js';
import { View, failure, html, loading, nothing, say, text, when } from './parts.js';
import { t } from './texts.js';

const LIMIT = 20;
/** The longest page. */
const MOST = 1_000;
const CALM = 1_000;
/** No history is kept, or nobody has said yet whose it is. */
const ABSENT = [400, 401, 404];

export class History extends View {
  /** @param {Page.Context} context @param {string} path @param {{isOfMany?: boolean, isQuiet?: boolean}} options */
  constructor(context, path, { isOfMany = false, isQuiet = false } = {}) {
    super(context);
    this.path = path;
    this.isOfMany = isOfMany;
    this.isQuiet = isQuiet;
    /** @type {Api.HistoryEvent[]} */
    this.events = [];
    this.next = '';
    this.load();
  }

  load() {
    return this.ask({ limit: Math.min(MOST, Math.max(LIMIT, this.events.length)) }, []);
  }

  /** Reads again what is shown, once it is calm. */
  refresh() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (!this.context.signal.aborted) this.load();
    }, CALM);
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
    const { phase } = this;
    if (phase === 'absent') return nothing;
    return html`<section class="history">
      <h2>${heading}</h2>
      ${this.list()}
    </section>`;
  }

  list() {
    const { events, next, phase, problem } = this;
    return html`
      ${phase === 'loading' ? loading() : nothing} ${problem ? failure(problem, () => this.load()) : nothing}
      ${phase === 'ready' && events.length === 0 ? html`<p>${t('history.none')}</p>` : nothing}
      ${events.length ? html`<ol class="rows">${events.map((event) => this.row(event))}</ol>` : nothing}
      ${next ? html`<p><button type="button" @click=${() => this.more()}>${t('history.more')}</button></p>` : nothing}`;
  }

  /** @param {Api.HistoryEvent} event */
  row(event) {
    const { borrowed_by: tenant, by, book_id: id, namespace_id } = event;
    const words = [t(`event.${event.event}`), event.forced ? t('event.forced') : ''].filter(Boolean).join(', ');
    return html`<li data-event=${event.event} data-id=${id}>
      <span class="title">${words}</span>
      <span class="author">
        ${this.isOfMany ? html`<a href=${link({ namespace_id, id })}>${text(id)}</a>` : tenant ? text(tenant) : nothing}
        ${by && by !== tenant ? html`<span>${t('event.by', { name: by })}</span>` : nothing}
      </span>
      <span class="facts">${when(event.at)}</span>
    </li>`;
  }
}
