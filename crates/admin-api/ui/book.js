// One book for a librarian: view, edit, resolve conflicts, delete.

import { get, path, send } from './api.js';
import { bookView } from './bookview.js';
import { compare, fieldsOf, merge, same } from './conflict.js';
import { Draft, Form } from './form.js';
import { History } from './history.js';
import { focusSoon, hash, say } from './parts.js';
import { follow } from './stream.js';
import { t } from './texts.js';

/** The maximum number of retries after conflicts with versions that have the same text. */
const MAX_SAME_TEXT_RETRIES = 5;
/** A live read: the cache may be behind the state that refused a write. */
const LIVE = { headers: { 'Cache-Control': 'no-cache' } };

export class Book extends Form {
  /** @type {Api.Book | undefined} */
  book;
  /** A version by others, newer than the base of the form. @type {Page.Version | null} */
  theirs = null;
  /** The rows of the conflict table. @type {Page.Conflict[] | null} */
  rows = null;
  /** The version by others in the conflict table. @type {Page.Version | null} */
  shown = null;
  conflicts = 0;
  /** @type {Api.Loan & {etag: string} | null} */
  loan = null;
  isDeleted = false;
  isLent = false;
  isAsking = false;

  constructor(context) {
    const [ns, id] = context.parts;
    super(context, new Draft(`${ns}/${id}`));
    this.ns = ns;
    this.id = id;
    this.to = path('book', ns, id);
    this.loanPath = path('loan', ns, id);
    this.history = new History(context, `${this.to}/history`);
    addEventListener('focus', () => this.loadLoan(), { signal: context.signal });
  }

  get title() {
    return this.book?.title ?? this.id;
  }

  get isManagedElsewhere() {
    return Boolean(this.book?.managed_by && this.book.managed_by !== 'bookshelf');
  }

  view() {
    return bookView(this);
  }

  load() {
    return this.read(async () => {
      const { data, etag, version } = await get(this.to, { signal: this.context.signal });
      this.phase = 'ready';
      this.show(data, etag);
      this.follow(version);
      this.loadLoan();
    });
  }

  refused(problem) {
    const isAbsent = problem.status === 404;
    this.isDeleted = isAbsent && this.draft.wasKept;
    this.phase = this.isDeleted ? 'ready' : isAbsent ? 'absent' : 'failed';
  }

  /** Handles a new version. Unsaved text is kept. @param {Api.Book} book @param {string} etag */
  show(book, etag) {
    this.book = book;
    const { draft } = this;
    const fields = fieldsOf(book);
    const isKnown = this.rows ? same(fields, this.shown.fields) : same(fields, draft.base.fields);
    if (!this.rows && !draft.isChanged) {
      draft.begin(book, etag);
    } else if (!isKnown && (this.rows || !same(fields, draft.fields))) {
      if (this.theirs?.etag !== etag) say(t('changed.elsewhere'));
      this.theirs = { fields, etag };
      return;
    } else if (!this.rows) {
      // Another version with the same text, such as after a new label.
      draft.keep({ base: { fields, etag } });
    }
    this.theirs = null;
  }

  async loadLoan() {
    const { signal } = this.context;
    this.loan = await get(this.loanPath, { signal }).then(
      ({ data, etag }) => ({ ...data, etag }),
      () => null,
    );
    this.history.refresh();
    this.update();
  }

  follow(version) {
    const on = (event, book) => {
      if (book.id === this.id && !this.isBusy) this.onEvent(event);
    };
    follow(path('book', this.ns), version, { on, reset: () => this.load(), signal: this.context.signal });
  }

  async onEvent(event) {
    this.isDeleted = event === 'deleted';
    this.history.refresh();
    if (this.isDeleted) say(t('deleted.elsewhere'));
    else {
      const answer = await get(this.to, { signal: this.context.signal }).catch(() => null);
      // This page's own write is not reported as a change.
      if (answer && !this.isBusy) this.show(answer.data, answer.etag);
    }
    this.update();
  }

  save() {
    const { title, author } = this.draft.fields;
    if (this.isBusy || !this.hasAll({ title, author })) return;
    if (this.theirs) return this.open(this.theirs);
    return this.run(() => this.put(this.draft.fields, this.draft.base));
  }

  /**
   * Writes only to the version that was shown, or to a later one with the same text.
   * @param {Page.Fields} fields @param {Page.Version} shown
   */
  async put(fields, shown, left = MAX_SAME_TEXT_RETRIES) {
    try {
      const answer = await send('PUT', this.to, { body: fields, headers: { 'If-Match': shown.etag } });
      this.saved(answer.data, answer.etag);
    } catch (problem) {
      if (problem.status === 404) this.isDeleted = true;
      if (problem.status !== 412) throw problem;
      const { data, etag } = await get(this.to, LIVE);
      const theirs = { fields: fieldsOf(data), etag };
      if (same(theirs.fields, fields)) return this.saved(data, etag);
      if (same(theirs.fields, shown.fields) && left > 0) return this.put(fields, theirs, left - 1);
      this.book = data;
      this.conflicts += 1;
      this.draft.keep({ base: shown, fields: { ...fields } });
      this.open(theirs);
    }
  }

  /** @param {Api.Book} book @param {string} etag */
  saved(book, etag) {
    this.book = book;
    this.draft.begin(book, etag);
    Object.assign(this, { theirs: null, rows: null, conflicts: 0, isSaved: true, isDeleted: false });
    this.history.refresh();
    say(t('saved'));
  }

  /** Opens the conflict table. @param {Page.Version} theirs */
  open(theirs) {
    const { base, fields } = this.draft;
    this.rows = compare(base.fields, theirs.fields, fields);
    this.shown = theirs;
    this.theirs = null;
    this.update();
    focusSoon('conflict-title');
  }

  /** Returns the chosen fields; undefined, with an error, if a choice is missing. */
  chosen() {
    if (this.isBusy) return undefined;
    const words = (name) => t('choose', { name: t(`field.${name}`) });
    const unchosen = this.rows.filter((row) => !row.choice);
    this.report(unchosen.map(({ name }) => ({ field: `choice-${name}-theirs`, words: words(name) })));
    return this.errors.length ? undefined : merge(this.rows, this.draft.fields);
  }

  saveChosen() {
    const fields = this.chosen();
    if (fields) return this.run(() => this.put(fields, this.shown));
  }

  overwrite() {
    const body = this.chosen();
    if (!body) return;
    return this.run(async () => {
      const { data, etag } = await send('PUT', this.to, { query: { force: 'true' }, body });
      this.saved(data, etag);
    });
  }

  takeTheirs() {
    const { fields, etag } = this.theirs ?? this.shown;
    this.draft.begin(fields, etag);
    say(t('theirs.taken'));
    this.close();
  }

  /** Returns to the form with the choices so far, based on their version. */
  edit() {
    this.draft.keep({ fields: merge(this.rows, this.draft.fields), base: this.shown });
    this.close(this.theirs);
  }

  close(theirs = null) {
    Object.assign(this, { theirs, rows: null, errors: [] });
    this.update();
    focusSoon('title');
  }

  discard() {
    this.draft.begin(this.book, this.theirs?.etag ?? this.draft.base.etag);
    this.close();
  }

  /** Starts a new book with the fields of a deleted one. */
  recreate() {
    new Draft('new').keep({ fields: this.draft.fields, place: { ns: this.ns, id: this.id } });
    this.draft.forget();
    this.context.go(hash(['new']));
  }

  remove(force) {
    this.isAsking = false;
    return this.run(async () => {
      const { etag } = this.theirs ?? this.draft.base;
      const options = force ? { query: { force: 'true' } } : { headers: { 'If-Match': etag } };
      try {
        await send('DELETE', this.to, options);
      } catch (problem) {
        // A lost attempt may have deleted the book already.
        if (problem.status !== 404 || !problem.wasLost) return this.cannotRemove(problem);
      }
      this.draft.forget();
      say(t('was.deleted', { title: this.title }));
      this.context.go(hash([], { ns: this.ns }));
    });
  }

  /** @param {import('./api.js').Problem} problem */
  async cannotRemove(problem) {
    if (problem.code === 'on_loan') {
      await this.loadLoan();
      this.isLent = true;
      return focusSoon('lent');
    }
    if (problem.status === 412) {
      const { data, etag } = await get(this.to, LIVE);
      this.show(data, etag);
      problem.code = 'changed_before_delete';
    }
    throw problem;
  }

  takeBack() {
    return this.run(async () => {
      try {
        await send('DELETE', this.loanPath, { headers: { 'If-Match': this.loan.etag } });
      } catch (problem) {
        await this.loadLoan();
        if (problem.status !== 404) throw problem;
      }
      Object.assign(this, { loan: null, isLent: false });
      this.history.refresh();
      say(t('taken.back'));
    });
  }
}
