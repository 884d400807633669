// The page of librarians, and its lists.

import { get, path, send } from './api.js';
import { start } from './app.js';
import { Book } from './book.js';
import { Books, link } from './books.js';
import { NewBook } from './form.js';
import { Clicks, loanKey } from './list.js';
import { ListView, row, rowButton } from './listview.js';
import { badge, hash, html, namespaceSelect, nothing, when } from './parts.js';
import { t } from './texts.js';

class LibraryBooks extends Books {
  names = { view: '', fresh: 'fresh', none: 'books.none', hint: 'books.empty.add' };

  heading() {
    return html`<a class="button primary" href=${hash(['new'], { ns: this.typed.ns })}>${t('new')}</a>`;
  }

  /** @param {Api.Book} book */
  status({ managed_by: name }) {
    return name && name !== 'bookshelf' ? badge('elsewhere', t('by', { name })) : nothing;
  }
}

/** The loans of a namespace, with buttons to take books back. @extends {ListView<Api.Loan>} */
class Loans extends ListView {
  title = t('loans');
  names = { view: 'loans', fresh: 'loans.fresh', none: 'loans.none', hint: 'loans.none.hint' };
  clicks = new Clicks(this.context.update);

  ask() {
    return this.askNamespaces('loans');
  }

  /** @param {Page.Query} query */
  listOf({ ns, by = '' }) {
    return ns ? { path: path('loan', ns), filter: { borrowed_by: by.trim() }, key: loanKey } : null;
  }

  form() {
    const { ns = '', by = '' } = this.typed;
    const input = (event) => (this.typed = { ...this.typed, by: event.target.value });
    return html`
      ${namespaceSelect(this.namespaces, ns, false, (ns) => this.filter({ ns }))}
      <div class="field grow">
        <label for="by">${t('borrower')}</label>
        <input id="by" dir="auto" autocomplete="off" spellcheck="false" .value=${by} @input=${input} />
      </div>
      <button>${t('filter')}</button>`;
  }

  /** Ends the shown loan, but not a later one of the same book. @param {Page.Row<Api.Loan>} shown */
  async takeBack(shown) {
    const { item: loan } = shown;
    const to = path('loan', loan.namespace_id, loan.book_id);
    try {
      const { data, etag } = await get(to);
      if (data.borrowed_at !== loan.borrowed_at || data.borrowed_by !== loan.borrowed_by) {
        shown.item = data;
        return t('loan.other');
      }
      await send('DELETE', to, { headers: { 'If-Match': etag } });
    } catch (problem) {
      if (problem.status !== 404) throw problem;
    }
    shown.isGone = true;
    return t('taken.back');
  }

  /** @param {Page.Row<Api.Loan>} shown */
  row(shown) {
    const { item: loan, isGone } = shown;
    const { namespace_id, book_id: id } = loan;
    const key = loanKey(loan);
    const press = () => this.clicks.run(key, id, () => this.takeBack(shown));
    return row({
      id,
      isGone,
      href: link({ namespace_id, id }),
      title: id,
      author: loan.borrowed_by,
      facts: html`<span>${t('since')} ${when(loan.borrowed_at)}</span>
        ${isGone ? badge('gone', t('loan.ended')) : nothing} ${this.clicks.words(key)}`,
      action: (!isGone || this.clicks.has(key)) && rowButton('take.back', id, isGone || this.clicks.isBusy(key), press),
    });
  }
}

start({
  nav: [
    ['', 'books'],
    ['loans', 'loans'],
  ],
  views: { '': LibraryBooks, book: Book, new: NewBook, loans: Loans },
});
