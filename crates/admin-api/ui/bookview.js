// The views of a book for a librarian.

import { bookPage } from './books.js';
import { FIELDS, table } from './conflict.js';
import { field, html, nothing, notice, summary, text, when } from './parts.js';
import { t } from './texts.js';

const button = (words, press, kind = '') =>
  html`<button type="button" class=${kind} @click=${press}>${t(words)}</button>`;

const fields = (form) => {
  const { draft, errors } = form;
  const one = (name, more) =>
    field({ name, value: draft.fields[name], errors, input: (...change) => form.input(...change), ...more });
  return html`
    ${one('title', { isRequired: true })} ${one('author', { isRequired: true })}
    ${one('category_id', { hint: t('hint.category_id'), dir: 'ltr' })} ${one('description', { lines: 8 })}`;
};

const buttons = (form, words) => html`
  <p class="buttons">
    <button class="primary" aria-disabled=${form.isBusy}>${t(form.isBusy ? 'saving' : words)}</button>
    ${form.draft.isChanged ? button('discard', () => form.discard()) : nothing}
    ${form.isSaved ? html`<span class="saved">${t('saved')}</span>` : nothing}
  </p>`;

const submit = (write) => (event) => (event.preventDefault(), write());

const restored = (form) => (form.draft.wasKept && form.draft.isChanged ? notice('info', t('restored')) : nothing);

export function newBookView(form) {
  const { draft, errors } = form;
  const input = (...change) => form.input(...change);
  const place = (name, more) => field({ name, value: draft.place[name], errors, input, isRequired: true, dir: 'ltr', ...more });
  return html`
    <h1 tabindex="-1">${t('new')}</h1>
    ${summary(errors)} ${restored(form)}
    <form class="book" novalidate @submit=${submit(() => form.create())}>
      ${place('ns', { list: 'namespaces' })}
      <datalist id="namespaces">${form.namespaces.map((one) => html`<option value=${one.id}></option>`)}</datalist>
      ${place('id', { hint: t('hint.id') })} ${fields(form)} ${buttons(form, 'create')}
    </form>`;
}

export const bookView = (form) => html`
  ${bookPage(form, () => content(form))} ${form.history.view(t('history'))}`;

const content = (form) => html`
  ${summary(form.errors)}
  ${form.isDeleted ? notice('warning', t('deleted.elsewhere'), button('recreate', () => form.recreate())) : nothing}
  ${form.rows ? conflict(form) : form.isManagedElsewhere ? elsewhere(form) : own(form)}`;

const own = (form) => html`
  ${restored(form)}
  ${form.theirs
    ? notice('warning', t('changed.elsewhere'), button('compare', () => form.open(form.theirs)))
    : nothing}
  <form class="book" novalidate @submit=${submit(() => form.save())}>${fields(form)} ${buttons(form, 'save')}</form>
  ${loanOf(form)} ${removal(form)}`;

function conflict(form) {
  const { conflicts } = form;
  return html`
    <section>
      <h2 id="conflict-title" tabindex="-1">${t(conflicts > 1 ? 'conflict.again' : 'conflict')}</h2>
      <p>${t('conflict.hint')}</p>
      ${form.theirs ? notice('warning', t('changed.again')) : nothing}
      ${table(form.rows, () => form.update())}
      <p class="buttons">
        ${button('save.chosen', () => form.saveChosen(), 'primary')} ${button('take.theirs', () => form.takeTheirs())}
        ${button('edit.on', () => form.edit())}
        ${conflicts > 1 ? button('overwrite', () => form.overwrite(), 'danger') : nothing}
      </p>
      ${conflicts > 1 ? html`<p class="hint">${t('overwrite.hint')}</p>` : nothing}
    </section>`;
}

const loanOf = ({ loan }) =>
  loan
    ? html`<section>
        <h2>${t('loan')}</h2>
        <p>${text(loan.borrowed_by)}, ${t('since')} ${when(loan.borrowed_at)}</p>
      </section>`
    : nothing;

function removal(form) {
  const { loan, isAsking, isLent } = form;
  const ask = (asks) => () => {
    form.isAsking = asks;
    form.update();
  };
  const both = button('delete.both', () => form.remove(true), 'danger');
  return html`<section class="removal">
    <h2>${t('delete')}</h2>
    ${isLent && loan
      ? html`<div class="notice" data-kind="warning" id="lent" tabindex="-1">
          <p>${t('lent.to', { name: loan.borrowed_by })} ${t('since')} ${when(loan.borrowed_at)}. ${t('lent.hint')}</p>
          <p class="buttons">${button('take.back', () => form.takeBack())} ${both}</p>
        </div>`
      : isAsking
        ? notice('warning', t('delete.sure', { title: form.title }), html`<p class="buttons">
            ${button('delete.yes', () => form.remove(false), 'danger')} ${button('cancel', ask(false))}</p>`)
        : button('delete', ask(true), 'danger')}
  </section>`;
}

function elsewhere(form) {
  const { book } = form;
  const document = yaml(book);
  const copy = async () => {
    // Browsers offer the clipboard only over HTTPS and on localhost; the text can always be selected.
    form.isCopied = await navigator.clipboard?.writeText(document).then(() => true, () => false);
    form.update();
  };
  const fact = (name) => (book[name] ? html`<dt>${t(`field.${name}`)}</dt><dd>${text(book[name])}</dd>` : nothing);
  return html`
    ${notice('info', html`<strong>${t('elsewhere', { name: book.managed_by })}</strong> ${t('elsewhere.why', { name: book.managed_by })}`)}
    <dl>${FIELDS.map(fact)}</dl>
    ${loanOf(form)}
    <section>
      <h2>${t('yaml')}</h2>
      <p>${t('yaml.hint')}</p>
      <pre tabindex="0" aria-label=${t('yaml')}>${document}</pre>
      <p class="buttons">${button('copy', copy)} ${form.isCopied ? html`<span role="status">${t('copied')}</span>` : nothing}</p>
    </section>`;
}

/** The manifest of a book, for kubectl and Git. JSON strings are valid YAML. @param {Api.Book} book */
function yaml(book) {
  const line = (name, value) => (value ? `\n${name}: ${JSON.stringify(value)}` : '');
  const category = line('    books.bookshelf.lostinsoba.com/category', book.category_id);
  const manager = line('    app.kubernetes.io/managed-by', book.managed_by);
  const labels = category || manager ? `\n  labels:${category}${manager}` : '';
  const metadata = `${line('  name', book.id)}${line('  namespace', book.namespace_id)}${labels}`;
  const spec = `${line('  author', book.author)}${line('  title', book.title)}${line('  description', book.description)}`;
  return `apiVersion: bookshelf.lostinsoba.com/v1alpha1\nkind: Book\nmetadata:${metadata}\nspec:${spec}\n`;
}
