// The tenant's own loans, in all namespaces.

import { get, path, send } from './api.js';
import { link } from './books.js';
import { Clicks, loanKey } from './list.js';
import { row, rowButton, sayCount } from './listview.js';
import { View, empty, failure, html, namespaces, nothing, when } from './parts.js';
import { follow } from './stream.js';
import { t } from './texts.js';

/** Concurrent requests: browsers allow six per host, and the stream is one. */
const AT_ONCE = 4;

export class MyLoans extends View {
  title = t('loans');
  /** By key. The row of an ended loan stays until the view is opened again. @type {Map<string, Page.Row<Api.Loan>>} */
  rows = new Map();
  clicks = new Clicks(this.context.update);

  load() {
    return this.read(async () => {
      const version = await this.ask();
      this.phase = 'ready';
      sayCount([...this.rows], 'loans.none');
      if (version) this.follow(version);
    });
  }

  refused() {
    if (!this.rows.size) this.phase = 'failed';
  }

  /** Reads the loans of all namespaces. Returns the version of the first answer, the oldest one. */
  async ask() {
    const { signal } = this.context;
    const [first, ...left] = await namespaces(signal);
    const read = (space) => get(path('loan', space.id), { signal });
    // The first request goes alone, so that the user is asked for a name only once.
    const answers = first ? [await read(first)] : [];
    const work = async () => {
      for (let space = left.shift(); space; space = left.shift()) answers.push(await read(space));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const loans = answers.flatMap((answer) => answer.data.list);
    const now = new Map(loans.map((item) => [loanKey(item), { item, isGone: false }]));
    for (const [key, { item }] of this.rows) if (!now.has(key)) now.set(key, { item, isGone: true });
    this.rows = now;
    return answers[0]?.version ?? '';
  }

  follow(version) {
    const { signal } = this.context;
    const look = () => this.ask().then(() => this.update(), () => {});
    // For tenants, every loan changes its book.
    follow('book', version, { on: () => this.soon(look), reset: () => this.load(), signal });
  }

  async return(key, { namespace_id, book_id }) {
    await send('POST', path('book', namespace_id, book_id, 'return'));
    // The list may have been reloaded since.
    this.rows.get(key).isGone = true;
    return t('returned');
  }

  view() {
    return html`
      <h1 tabindex="-1">${this.title}</h1>
      ${this.progress(() => this.ready())}`;
  }

  ready() {
    const rows = [...this.rows].sort(([one], [other]) => (one < other ? -1 : 1));
    return html`
      ${this.problem ? failure(this.problem, () => this.load()) : nothing}
      ${rows.length
        ? html`<ul class="rows">${rows.map(([key, shown]) => this.row(key, shown))}</ul>`
        : empty(t('loans.none'), html`<a href="#/">${t('loans.none.hint')}</a>`)}`;
  }

  /** @param {string} key @param {Page.Row<Api.Loan>} shown */
  row(key, { item: loan, isGone }) {
    const { namespace_id, book_id: id } = loan;
    const press = () => this.clicks.run(key, id, () => this.return(key, loan));
    return row({
      id,
      isGone,
      href: link({ namespace_id, id }),
      title: id,
      author: namespace_id,
      facts: html`<span>${t('since')} ${when(loan.borrowed_at)}</span>${this.clicks.words(key)}`,
      action: (!isGone || this.clicks.has(key)) && rowButton('return', id, isGone || this.clicks.isBusy(key), press),
    });
  }
}
