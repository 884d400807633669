// What happened to a book, or to somebody's loans: the newest first, the rest on request.

import { Problem, get } from './api.js';
import { link } from './books.js';
import { failure, html, loading, nothing, say, text, when } from './parts.js';
import { t } from './texts.js';

const LIMIT = 20;
/** The longest page. */
const MOST = 1_000;
const CALM = 1_000;
/** No history is kept, or nobody has said yet whose it is. */
const ABSENT = [400, 401, 404];

export class History {
  /** @param {{path: string, context: any, isOfMany?: boolean, isQuiet?: boolean}} options */
  constructor({ path, context, isOfMany = false, isQuiet = false }) {
    Object.assign(this, { path, context, isOfMany, isQuiet });
    /** @type {any[]} */
    this.events = [];
    this.next = '';
    /** @type {'loading' | 'ready' | 'failed' | 'absent'} */
    this.phase = 'loading';
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

  async ask(query, before) {
    const { signal, update } = this.context;
    try {
      const { data } = await get(this.path, { query, signal, isQuiet: this.isQuiet });
      this.events = [...before, ...data.list];
      this.next = data.continue ?? '';
      this.phase = 'ready';
      this.problem = null;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      const isAbsent = ABSENT.includes(error.status);
      this.problem = isAbsent ? null : error;
      if (this.events.length === 0) this.phase = isAbsent ? 'absent' : 'failed';
    }
    update();
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
