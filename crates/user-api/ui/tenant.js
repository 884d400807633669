// The page of tenants, and its lists.

import { path } from './api.js';
import { start } from './app.js';
import { Book } from './book.js';
import { Books } from './books.js';
import { History } from './history.js';
import { Lending } from './lending.js';
import { MyLoans } from './myloans.js';
import { View, empty, failure, hash, html, namespaceSelect, nothing } from './parts.js';
import { t } from './texts.js';

class LendingBooks extends Books {
  lending = new Lending(this.context);

  loaded(rows) {
    return this.lending.load(rows.map((row) => row.item));
  }

  bookChanged(book) {
    this.lending.changed(book);
  }

  status(book) {
    return this.lending.status(book);
  }

  action(book) {
    return this.lending.action(book);
  }
}

/** The history of the tenant's own loans, in one namespace. */
class MyHistory extends View {
  title = t('history');
  /** @type {History | null} */
  history = null;

  load() {
    this.changed(this.query);
    this.askNamespaces('history');
  }

  changed(query) {
    const context = this.begin(query);
    this.history = query.ns ? new History(context, path('history', query.ns), { isOfMany: true }) : null;
    this.goToFirst('history');
  }

  view() {
    const { history, namespaces, query } = this;
    const choose = (ns) => this.context.go(hash(['history'], { ns }));
    const none = () => empty(t('history.none'), html`<a href="#/">${t('loans.none.hint')}</a>`);
    return html`
      <h1 tabindex="-1">${this.title}</h1>
      <form class="filters">${namespaceSelect(namespaces, query.ns ?? '', false, choose)}</form>
      ${history && this.problem ? failure(this.problem, () => this.load()) : nothing}
      ${history ? history.list(none) : this.progress(none, none)}`;
  }
}

start({
  nav: [
    ['', 'books'],
    ['loans', 'loans'],
    ['history', 'history'],
  ],
  views: { '': LendingBooks, book: Book, loans: MyLoans, history: MyHistory },
  asksTenant: true,
});
