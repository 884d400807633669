// The loans of a namespace: who has what, and taking it back.

import { Problem, get, path, send } from './api.js';
import { link } from './books.js';
import { LiveList, loanKey } from './list.js';
import {
  View, badge, empty, failure, hash, html, loading, namespaceSelect, news, nothing, pager, say, sayCount, text, when,
} from './parts.js';
import { explainWrite, t } from './texts.js';

export class Loans extends View {
  constructor(context) {
    super(context);
    this.title = t('loans');
    /** What happened to a row that was clicked, by its key. */
    this.said = new Map();
    this.changed(context.query);
    this.ask();
  }

  ask() {
    return this.askNamespaces('loans');
  }

  changed(query) {
    const { ns, by = '', page = '' } = query;
    const filter = { borrowed_by: by };
    const context = this.begin(query);
    this.typed = by;
    /** @type {LiveList<Api.Loan> | null} */
    this.list = ns ? new LiveList(context, { path: path('loan', ns), query: filter, filter, page, key: loanKey }) : null;
    if (ns) this.load();
  }

  async load() {
    const { list } = this;
    await list.load();
    if (list === this.list && list.phase === 'ready') sayCount(list.rows, 'loans.none');
  }

  filter(change) {
    this.context.go(hash(['loans'], { ...this.query, page: '', ...change }));
  }

  /** Ends the loan that is shown, and not a later one of the same book. @param {Page.Row<Api.Loan>} row */
  async takeBack(row) {
    const { item: loan } = row;
    const key = loanKey(loan);
    if (this.said.get(key)?.isBusy) return;
    this.said.set(key, { isBusy: true });
    this.context.update();
    const to = path('loan', loan.namespace_id, loan.book_id);
    let words = t('taken.back');
    try {
      const { data, etag } = await get(to);
      const isSame = data.borrowed_at === loan.borrowed_at && data.borrowed_by === loan.borrowed_by;
      if (isSame) {
        await send('DELETE', to, { headers: { 'If-Match': etag } });
        row.isGone = true;
      } else {
        row.item = data;
        words = t('loan.other');
      }
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      row.isGone = problem.status === 404;
      if (!row.isGone) words = explainWrite(problem);
    }
    this.said.set(key, { words });
    say(words);
    this.context.update();
  }

  view() {
    const { list, problem, query } = this;
    const submit = (event) => (event.preventDefault(), this.filter({ by: this.typed.trim() }));
    return html`
      <h1 tabindex="-1">${t('loans')}</h1>
      <form class="filters" role="search" aria-label=${t('find')} @submit=${submit}>
        ${namespaceSelect(this.namespaces, query.ns ?? '', false, (event) => this.filter({ ns: event.target.value }))}
        <div class="field grow">
          <label for="by">${t('borrower')}</label>
          <input id="by" dir="auto" autocomplete="off" spellcheck="false" .value=${this.typed}
            @input=${(event) => (this.typed = event.target.value)} />
        </div>
        <button>${t('filter')}</button>
      </form>
      ${problem && !list ? failure(problem, () => this.ask()) : nothing}
      ${this.phase === 'absent' && !list ? empty(t('loans.none'), t('loans.none.hint')) : nothing}
      ${list?.phase === 'loading' ? loading() : nothing}
      ${list?.phase === 'failed' ? failure(list.problem, () => this.load()) : nothing}
      ${list?.phase === 'ready' ? this.ready(list) : nothing}`;
  }

  ready(list) {
    return html`
      ${news(list, 'loans.fresh', () => this.load())}
      ${list.rows.length
        ? html`<ul class="rows">${list.rows.map((row) => this.row(row))}</ul>`
        : empty(t('loans.none'), t('loans.none.hint'))}
      ${pager(list, (page) => hash(['loans'], { ...this.query, page }))}`;
  }

  /** @param {Page.Row<Api.Loan>} row */
  row(row) {
    const { item: loan, isGone } = row;
    const said = this.said.get(loanKey(loan));
    const book = { namespace_id: loan.namespace_id, id: loan.book_id };
    return html`<li data-gone=${isGone} data-id=${loan.book_id}>
      <a class="title" href=${link(book)}>${loan.book_id}</a>
      <span class="author">${text(loan.borrowed_by)}</span>
      <span class="facts">
        <span>${t('since')} ${when(loan.borrowed_at)}</span>
        ${isGone ? badge('gone', t('loan.ended')) : nothing} ${said?.words ? html`<span>${said.words}</span>` : nothing}
      </span>
      <span class="action">
        ${isGone && !said
          ? nothing
          : html`<button type="button" aria-disabled=${isGone || said?.isBusy ? 'true' : nothing}
              @click=${() => row.isGone || this.takeBack(row)}>
              ${t('take.back')}<span class="visually-hidden">: ${loan.book_id}</span>
            </button>`}
      </span>
    </li>`;
  }
}
