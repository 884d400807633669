// Live rows of a list, and their buttons.

import { Problem, get } from './api.js';
import { View, html, nothing, say } from './parts.js';
import { newKey } from './session.js';
import { follow } from './stream.js';
import { explainWrite } from './texts.js';

const LIMIT = 50;
/** New rows beyond this number are not counted. */
const MANY = 1_000;

/** The previous page of each page, by its `continue`. Known only for pages reached in this tab. */
const before = new Map();

/**
 * A page of a list. Shown rows change in place; new rows wait until the user requests them.
 * @template Item
 */
export class LiveList extends View {
  /** @type {Page.Row<Item>[]} */
  rows = [];
  fresh = new Set();
  next = '';
  state = 'waiting';

  /** @param {Page.Context} context @param {Page.ListOptions<Item>} options */
  constructor(context, { path, filter, q = '', page = '', key, changed = () => {} }) {
    super(context);
    this.path = path;
    this.filter = filter;
    this.page = page;
    this.key = key;
    this.changed = changed;
    this.query = { ...filter, q };
    /** The previous page; undefined on the first page. */
    this.before = page ? (before.get(page) ?? '') : undefined;
  }

  ask() {
    const query = { ...this.query, limit: LIMIT, continue: this.page };
    return get(this.path, { query, signal: this.context.signal });
  }

  load() {
    return this.read(async () => {
      const { data, version } = await this.ask();
      this.rows = data.list.map((item) => ({ item, isGone: false }));
      this.next = data.continue ?? '';
      if (this.next) before.set(this.next, this.page);
      this.fresh.clear();
      this.phase = 'ready';
      this.follow(version);
    });
  }

  refused(problem) {
    if (problem.field === 'continue' && this.page) {
      // The `continue` is from another list, or from before a restore.
      Object.assign(this, { page: '', before: undefined, problem: null, isReset: false });
      this.load();
    } else if (this.rows.length === 0 || problem.status === 403) this.phase = 'failed';
  }

  follow(version) {
    this.stop?.abort();
    this.stop = new AbortController();
    const signal = AbortSignal.any([this.context.signal, this.stop.signal]);
    let isFirst = true;
    const state = (state) => {
      this.state = state;
      // The version may be slightly newer than the list in the answer: the stream would skip a change in between.
      if (isFirst && state === 'live') this.reload(false);
      if (state === 'live') isFirst = false;
      this.update();
    };
    const on = (event, item) => this.on(event, item);
    follow(this.path, version, { on, reset: () => this.reload(true), query: this.filter, state, signal });
  }

  on(event, item) {
    // A search has no stream: each event of the whole list triggers a reload.
    if (this.query.q) {
      this.reload(false);
    } else if (event !== 'synced') {
      this.take(event, item);
      this.changed(item);
    }
    this.update();
  }

  /** @param {string} event @param {Item} item */
  take(event, item) {
    const key = this.key(item);
    const row = this.rows.find((row) => this.key(row.item) === key);
    if (event === 'deleted') {
      this.fresh.delete(key);
      if (row) row.isGone = true;
    } else if (row) {
      Object.assign(row, { item, isGone: false });
    } else if (this.isWithin(key) && this.fresh.size < MANY) {
      this.fresh.add(key);
    }
  }

  /** Returns true if the key belongs on this page. */
  isWithin(key) {
    const [first, last] = [this.rows.at(0), this.rows.at(-1)];
    const isAfter = !this.page || !first || key > this.key(first.item);
    return isAfter && (!this.next || !last || key < this.key(last.item));
  }

  /** Compares the shown rows with the current list. With `isReset`, also restarts the stream. */
  reload(isReset) {
    this.isReset ||= isReset;
    this.soon(async () => {
      await this.read(async () => {
        const { data, version } = await this.ask();
        const now = new Map(data.list.map((item) => [this.key(item), item]));
        for (const row of this.rows) {
          const key = this.key(row.item);
          row.isGone = !now.has(key);
          row.item = now.get(key) ?? row.item;
          now.delete(key);
        }
        this.fresh = new Set(now.keys());
        this.phase = 'ready';
        if (this.isReset) this.follow(version);
        this.isReset = false;
      });
      if (this.isReset && !this.context.signal.aborted) this.reload(true);
    });
  }
}

/** Actions of row buttons. The row shows the outcome. */
export class Clicks {
  /** @type {Map<string, {isBusy?: boolean, words?: string, idempotency?: string}>} */
  #clicked = new Map();

  constructor(update) {
    this.update = update;
  }

  has(key) {
    return this.#clicked.has(key);
  }

  isBusy(key) {
    return Boolean(this.#clicked.get(key)?.isBusy);
  }

  words(key) {
    const words = this.#clicked.get(key)?.words;
    return words ? html`<span class="happened">${words}</span>` : nothing;
  }

  /**
   * Runs a write for a row, unless one is running. A write whose answer was lost keeps its key, so that a repetition
   * does not write twice.
   * @param {string} key @param {string} about
   * @param {(idempotency: string) => Promise<string>} write returns the words for its outcome
   */
  async run(key, about, write) {
    if (this.isBusy(key)) return;
    const idempotency = this.#clicked.get(key)?.idempotency ?? newKey();
    this.#clicked.set(key, { isBusy: true });
    this.update();
    let after;
    try {
      after = { words: await write(idempotency) };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      after = { words: explainWrite(problem), idempotency: problem.isLost ? idempotency : undefined };
    }
    this.#clicked.set(key, after);
    say(`${about}: ${after.words}`);
    this.update();
  }
}

/** Keys in the order of lists: by namespace, then id. A blank sorts before all characters of names. */
/** @param {Api.Book} book */
export const bookKey = (book) => `${book.namespace_id} ${book.id}`;
/** @param {Api.Loan} loan */
export const loanKey = (loan) => `${loan.namespace_id} ${loan.book_id}`;
