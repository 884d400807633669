// Borrowing and returning, wherever a book is shown. What happened stands where one clicked, and the button stays.

import { Problem, get, path, send } from './api.js';
import { bookKey, loanKey } from './list.js';
import { badge, html, nothing, say } from './parts.js';
import { newKey } from './session.js';
import { explainWrite, t } from './texts.js';

const CALM = 500;

export class Lending {
  constructor(context) {
    this.context = context;
    /** The tenant's own loans, by the key of their book. @type {Map<string, Api.Loan>} */
    this.mine = new Map();
    /** What happened to a book that was clicked. @type {Map<string, {words?: string, isBusy?: boolean, idempotency?: string}>} */
    this.touched = new Map();
    this.stale = new Set();
  }

  /** Finds out which of these books the tenant has. @param {Api.Book[]} books */
  async load(books) {
    const namespaces = new Set(books.filter((book) => !book.available).map((book) => book.namespace_id));
    await Promise.all(Array.from(namespaces, (namespace) => this.loadOf(namespace)));
    this.context.update();
  }

  async loadOf(namespace) {
    const { signal } = this.context;
    // Without a name there are no loans of one's own, and nobody is asked for a name to look at books.
    const answer = await get(path('loan', namespace), { signal, isQuiet: true }).catch(() => null);
    if (!answer) return;
    for (const key of this.mine.keys()) if (key.startsWith(`${namespace} `)) this.mine.delete(key);
    for (const loan of answer.data.list) this.mine.set(loanKey(loan), loan);
  }

  /** A book has changed: if it is on loan now, it may be to the same tenant in another window. @param {Api.Book} book */
  changed(book) {
    const key = bookKey(book);
    if (book.available) this.mine.delete(key);
    else if (!this.touched.get(key)?.isBusy) this.stale.add(book.namespace_id);
    this.timer ??= setTimeout(async () => {
      this.timer = undefined;
      const namespaces = [...this.stale];
      this.stale.clear();
      if (this.context.signal.aborted) return;
      await Promise.all(namespaces.map((namespace) => this.loadOf(namespace)));
      this.context.update();
    }, CALM);
  }

  /** @param {Api.Book} book */
  status(book) {
    const key = bookKey(book);
    const words = this.touched.get(key)?.words;
    const state = this.mine.has(key)
      ? badge('mine', t('status.mine'))
      : book.available
        ? badge('available', t('status.available'))
        : badge('lent', t('status.lent'));
    return html`${state}${words ? html`<span class="happened">${words}</span>` : nothing}`;
  }

  /** @param {Api.Book} book */
  action(book) {
    const key = bookKey(book);
    const touched = this.touched.get(key);
    const isMine = this.mine.has(key);
    const words = isMine ? 'return' : book.available ? 'borrow' : 'status.lent';
    // A button that was pressed stays, so that the focus does.
    if (words === 'status.lent' && !touched) return nothing;
    const isOff = touched?.isBusy || words === 'status.lent';
    const press = () => !isOff && (isMine ? this.return(book) : this.borrow(book));
    return html`<button type="button" class=${words === 'borrow' ? 'primary' : ''} aria-disabled=${isOff ? 'true' : nothing}
      @click=${press}>${t(words)}<span class="visually-hidden">: ${book.title}</span></button>`;
  }

  /** @param {Api.Book} book */
  borrow(book) {
    const key = bookKey(book);
    // The same key until there is an answer: a lost one is asked for again, and lends the book once.
    const idempotency = this.touched.get(key)?.idempotency ?? newKey();
    const to = path('book', book.namespace_id, book.id);
    return this.run(book, idempotency, async () => {
      try {
        const headers = { 'Idempotency-Key': idempotency };
        const { data } = await send('POST', `${to}/borrow`, { headers });
        this.mine.set(key, data);
      } catch (problem) {
        if (problem.code !== 'already_borrowed') throw problem;
        book.available = false;
        await this.loadOf(book.namespace_id);
        if (!this.mine.has(key)) throw problem;
      }
      book.available = false;
      return t('borrowed');
    });
  }

  /** @param {Api.Book} book */
  return(book) {
    const key = bookKey(book);
    return this.run(book, null, async () => {
      await send('POST', `${path('book', book.namespace_id, book.id)}/return`);
      this.mine.delete(key);
      book.available = true;
      return t('returned');
    });
  }

  async run(book, idempotency, write) {
    const key = bookKey(book);
    if (this.touched.get(key)?.isBusy) return;
    this.touched.set(key, { isBusy: true, idempotency });
    this.context.update();
    let after = {};
    try {
      after = { words: await write() };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      after = { words: explainWrite(problem), idempotency: problem.isLost ? idempotency : undefined };
      if (problem.code === 'not_found') book.available = false;
    }
    this.touched.set(key, after);
    say(`${book.title}: ${after.words}`);
    this.context.update();
  }
}
