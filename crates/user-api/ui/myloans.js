// The tenant's own loans, in every namespace.

import { Problem, get, path, send } from './api.js';
import { link } from './books.js';
import { loanKey } from './list.js';
import { View, empty, failure, html, loading, namespaces, nothing, say, sayCount, text, when } from './parts.js';
import { follow } from './stream.js';
import { explainWrite, t } from './texts.js';

const CALM = 1_000;
/** Requests at once: browsers allow six to one host, and the stream is one. */
const AT_ONCE = 4;

export class MyLoans extends View {
  constructor(context) {
    super(context);
    this.title = t('loans');
    /** @type {{loan: Api.Loan, isGone: boolean, isBusy?: boolean, words?: string}[]} */
    this.rows = [];
    this.load();
  }

  load() {
    return this.read(async () => {
      const version = await this.ask(await namespaces(this.context.signal));
      this.phase = 'ready';
      sayCount(this.rows, 'loans.none');
      if (version) this.follow(version);
    });
  }

  refused() {
    if (this.rows.length === 0) this.phase = 'failed';
  }

  /** Reads the loans of all namespaces. Returns the version of the first answer, which no other is older than. */
  async ask(spaces) {
    const { signal } = this.context;
    const kept = new Map(this.rows.map((row) => [loanKey(row.loan), row]));
    const left = spaces.map((space) => space.id);
    let version = '';
    const rows = [];
    const work = async () => {
      for (let id = left.shift(); id; id = left.shift()) {
        const answer = await get(path('loan', id), { signal });
        version ||= answer.version;
        for (const loan of answer.data.list) rows.push({ ...kept.get(loanKey(loan)), loan, isGone: false });
      }
    };
    // The first one alone, so that a name is asked for once.
    const first = left.splice(1);
    await work();
    left.push(...first);
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const keys = new Set(rows.map((row) => loanKey(row.loan)));
    // A row that ended stays where it is until the view is opened again.
    for (const [key, row] of kept) if (!keys.has(key)) rows.push({ ...row, isGone: true });
    this.rows = rows.sort((one, other) => (loanKey(one.loan) < loanKey(other.loan) ? -1 : 1));
    return version;
  }

  follow(version) {
    const { signal } = this.context;
    const on = () => {
      this.timer ??= setTimeout(async () => {
        this.timer = undefined;
        if (signal.aborted) return;
        await this.ask(await namespaces(signal)).catch(() => '');
        this.context.update();
      }, CALM);
    };
    // Every loan changes its book, as tenants see books.
    follow('book', version, { on, reset: () => this.load(), signal });
  }

  async return(row) {
    if (row.isBusy || row.isGone) return;
    row.isBusy = true;
    this.context.update();
    let words = t('returned');
    try {
      await send('POST', `${path('book', row.loan.namespace_id, row.loan.book_id)}/return`);
      row.isGone = true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      words = explainWrite(problem);
    }
    // The list may have been read anew meanwhile.
    const now = this.rows.find((one) => loanKey(one.loan) === loanKey(row.loan)) ?? row;
    Object.assign(now, { words, isBusy: false, isGone: row.isGone });
    say(words);
    this.context.update();
  }

  view() {
    const { phase, problem, rows } = this;
    return html`
      <h1 tabindex="-1">${t('loans')}</h1>
      ${phase === 'loading' ? loading() : nothing}
      ${problem ? failure(problem, () => this.load()) : nothing}
      ${phase === 'ready' && rows.length === 0 ? empty(t('loans.none'), html`<a href="#/">${t('loans.none.hint')}</a>`) : nothing}
      ${rows.length ? html`<ul class="rows">${rows.map((row) => this.row(row))}</ul>` : nothing}`;
  }

  row(row) {
    const { loan, isGone, isBusy, words } = row;
    return html`<li data-gone=${isGone} data-id=${loan.book_id}>
      <a class="title" href=${link({ namespace_id: loan.namespace_id, id: loan.book_id })}>${text(loan.book_id)}</a>
      <span class="author">${loan.namespace_id}</span>
      <span class="facts"><span>${t('since')} ${when(loan.borrowed_at)}</span>${words ? html`<span>${words}</span>` : nothing}</span>
      <span class="action">
        ${isGone && !words
          ? nothing
          : html`<button type="button" aria-disabled=${isGone || isBusy ? 'true' : nothing} @click=${() => this.return(row)}>
              ${t('return')}<span class="visually-hidden">: ${loan.book_id}</span></button>`}
      </span>
    </li>`;
  }
}
