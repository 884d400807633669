// Borrowing and returning, wherever a book is shown.

import { get, path, send } from './api.js';
import { Clicks, bookKey, loanKey } from './list.js';
import { rowButton } from './listview.js';
import { badge, html } from './parts.js';
import { t } from './texts.js';

const CALM = 500;

export class Lending {
  /** The tenant's own loans, by the key of their book. @type {Map<string, Api.Loan>} */
  mine = new Map();
  stale = new Set();

  constructor(context) {
    this.context = context;
    this.clicks = new Clicks(context.update);
  }

  /** @param {Api.Book} book */
  loanOf(book) {
    return this.mine.get(bookKey(book));
  }

  /** Loads the tenant's loans of these books. @param {Api.Book[]} books */
  load(books) {
    return this.loadOf(new Set(books.filter((book) => !book.available).map((book) => book.namespace_id)));
  }

  async loadOf(namespaces) {
    const { signal, update } = this.context;
    const load = async (namespace) => {
      // Without a tenant there are no loans to show. Viewing books must not ask for a name.
      const answer = await get(path('loan', namespace), { signal, isQuiet: true }).catch(() => null);
      if (!answer) return;
      for (const key of this.mine.keys()) if (key.startsWith(`${namespace} `)) this.mine.delete(key);
      for (const loan of answer.data.list) this.mine.set(loanKey(loan), loan);
    };
    await Promise.all(Array.from(namespaces, load));
    update();
  }

  /** Handles a changed book. The same tenant may have borrowed it in another window. @param {Api.Book} book */
  changed(book) {
    const key = bookKey(book);
    if (book.available) this.mine.delete(key);
    else if (!this.clicks.isBusy(key)) this.stale.add(book.namespace_id);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const namespaces = this.stale;
      this.stale = new Set();
      if (!this.context.signal.aborted) this.loadOf(namespaces);
    }, CALM);
  }

  /** @param {Api.Book} book */
  status(book) {
    const state = this.loanOf(book) ? 'mine' : book.available ? 'available' : 'lent';
    return html`${badge(state, t(`status.${state}`))}${this.clicks.words(bookKey(book))}`;
  }

  /** @param {Api.Book} book */
  action(book) {
    const key = bookKey(book);
    const isMine = this.mine.has(key);
    const isLent = !isMine && !book.available;
    if (isLent && !this.clicks.has(key)) return null;
    const words = isMine ? 'return' : isLent ? 'status.lent' : 'borrow';
    const press = () => this.clicks.run(key, book.title, (idempotency) => this.lend(book, isMine, idempotency));
    return rowButton(words, book.title, isLent || this.clicks.isBusy(key), press, words === 'borrow' ? 'primary' : '');
  }

  /** Borrows a book, or returns it. @param {Api.Book} book */
  async lend(book, isMine, idempotency) {
    try {
      return await (isMine ? this.return(book) : this.borrow(book, idempotency));
    } catch (problem) {
      if (problem.code === 'not_found') book.available = false;
      throw problem;
    }
  }

  /** @param {Api.Book} book */
  async borrow(book, idempotency) {
    const { namespace_id: namespace, id } = book;
    try {
      const headers = { 'Idempotency-Key': idempotency };
      const { data } = await send('POST', path('book', namespace, id, 'borrow'), { headers });
      this.mine.set(bookKey(book), data);
    } catch (problem) {
      if (problem.code !== 'already_borrowed') throw problem;
      book.available = false;
      await this.loadOf([namespace]);
      if (!this.loanOf(book)) throw problem;
    }
    book.available = false;
    return t('borrowed');
  }

  /** @param {Api.Book} book */
  async return(book) {
    await send('POST', path('book', book.namespace_id, book.id, 'return'));
    this.mine.delete(bookKey(book));
    book.available = true;
    return t('returned');
  }
}
