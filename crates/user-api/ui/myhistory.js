// The tenant's own past loans, in one namespace.

import { Problem, path } from './api.js';
import { namespaces } from './books.js';
import { History } from './history.js';
import { empty, failure, hash, html, namespaceSelect, nothing } from './parts.js';
import { t } from './texts.js';

export class MyHistory {
  constructor(context) {
    this.context = context;
    this.namespaces = [];
    this.changed(context.query);
    this.ask();
  }

  get title() {
    return t('history');
  }

  async ask() {
    const { signal, update, go } = this.context;
    try {
      this.namespaces = await namespaces(signal);
      this.problem = null;
      const [first] = this.namespaces;
      if (!this.query.ns && first) go(hash(['history'], { ns: first.id }), true);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
    }
    this.hasAsked = true;
    update();
  }

  changed(query) {
    this.query = query;
    this.stop?.abort();
    this.stop = new AbortController();
    const { signal, update } = this.context;
    const context = { update, signal: AbortSignal.any([signal, this.stop.signal]) };
    this.history = query.ns ? new History({ path: path('history', query.ns), context, isOfMany: true }) : null;
  }

  view() {
    const { history, namespaces, problem, query } = this;
    const choose = (event) => this.context.go(hash(['history'], { ns: event.target.value }));
    const isEmpty = this.hasAsked && !problem && (!history || history.phase === 'absent');
    return html`
      <h1 tabindex="-1">${t('history')}</h1>
      <form class="filters">${namespaceSelect(namespaces, query.ns ?? '', false, choose)}</form>
      ${problem ? failure(problem, () => this.ask()) : nothing}
      ${isEmpty ? empty(t('history.none'), html`<a href="#/">${t('loans.none.hint')}</a>`) : (history?.list() ?? nothing)}`;
  }
}
