// The tenant's own past loans, in one namespace.

import { path } from './api.js';
import { History } from './history.js';
import { View, empty, failure, hash, html, namespaceSelect, nothing } from './parts.js';
import { t } from './texts.js';

export class MyHistory extends View {
  constructor(context) {
    super(context);
    this.title = t('history');
    this.changed(context.query);
    this.ask();
  }

  ask() {
    return this.askNamespaces('history');
  }

  changed(query) {
    const context = this.begin(query);
    this.history = query.ns ? new History(context, path('history', query.ns), { isOfMany: true }) : null;
  }

  view() {
    const { history, namespaces, phase, problem, query } = this;
    const choose = (event) => this.context.go(hash(['history'], { ns: event.target.value }));
    const isEmpty = history ? history.phase === 'absent' : phase === 'absent';
    return html`
      <h1 tabindex="-1">${this.title}</h1>
      <form class="filters">${namespaceSelect(namespaces, query.ns ?? '', false, choose)}</form>
      ${problem ? failure(problem, () => this.ask()) : nothing}
      ${isEmpty ? empty(t('history.none'), html`<a href="#/">${t('loans.none.hint')}</a>`) : (history?.list() ?? nothing)}`;
  }
}
