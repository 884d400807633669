// A page of a list, kept up to date: shown rows change in place, new ones wait until they are asked for.

import { get } from './api.js';
import { View } from './parts.js';
import { follow } from './stream.js';

const LIMIT = 50;
/** More new rows than this are not counted. */
const MANY = 1_000;
const CALM = 1_000;

/** The page before each, by the value of `continue`; only the browser's own way through a list is known. */
const before = new Map();

/** @template Item */
export class LiveList extends View {
  /**
   * @param {Page.Context} context
   * @param {{path: string, query: Page.Query, page: string, filter: Page.Query, key: (item: Item) => string,
   *   changed?: (item: Item) => void}} options `query` is the list's, `filter` the part of it that the stream takes.
   */
  constructor(context, { path, query, page, filter, key, changed = () => {} }) {
    super(context);
    this.path = path;
    this.query = query;
    this.page = page;
    this.filter = filter;
    this.key = key;
    this.changed = changed;
    /** @type {Page.Row<Item>[]} */
    this.rows = [];
    this.fresh = new Set();
    this.next = '';
    this.state = 'waiting';
    this.before = this.page ? (before.get(this.page) ?? '') : undefined;
    // Of a search there is no stream: that of the whole list says when to look again.
    this.isSearch = Boolean(this.query.q);
  }

  async ask() {
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
      // The page is of another list, or of before a restore.
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
      // The version of an answer may be a moment newer than the list in it: a change in between would be in neither.
      if (isFirst && state === 'live') this.lookAgain(false);
      if (state === 'live') isFirst = false;
      this.update();
    };
    const on = (event, item) => this.on(event, item);
    follow(this.path, version, { on, reset: () => this.lookAgain(true), query: this.filter, state, signal });
  }

  on(event, item) {
    if (this.isSearch) {
      this.lookAgain(false);
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

  /** Returns true for a key that belongs on this page. */
  isWithin(key) {
    const [first, last] = [this.rows.at(0), this.rows.at(-1)];
    const isAfter = !this.page || !first || key > this.key(first.item);
    return isAfter && (!this.next || !last || key < this.key(last.item));
  }

  /** Compares what is shown with the list as it is now, once it is calm. */
  lookAgain(isReset) {
    this.isReset ||= isReset;
    if (this.timer) return;
    this.timer = setTimeout(async () => {
      this.timer = null;
      if (this.context.signal.aborted) return;
      await this.read(async () => {
        const { data, version } = await this.ask();
        const now = new Map(data.list.map((item) => [this.key(item), item]));
        for (const row of this.rows) {
          const item = now.get(this.key(row.item));
          row.isGone = !item;
          if (item) row.item = item;
          now.delete(this.key(row.item));
        }
        this.fresh = new Set(now.keys());
        if (this.isReset) {
          this.isReset = false;
          this.follow(version);
        }
      });
      if (this.isReset && !this.context.signal.aborted) this.lookAgain(true);
    }, CALM);
  }
}

/** In the order of lists: by namespace, then id. A blank comes before what names may have. */
/** @param {Api.Book} book */
export const bookKey = (book) => `${book.namespace_id} ${book.id}`;
/** @param {Api.Loan} loan */
export const loanKey = (loan) => `${loan.namespace_id} ${loan.book_id}`;
