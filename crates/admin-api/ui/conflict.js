// Two changes of one book: the fields before, theirs and mine, and the choice between them.

import { html, nothing } from './parts.js';
import { t } from './texts.js';

/** @type {Page.FieldName[]} */
export const FIELDS = ['title', 'author', 'category_id', 'description'];

/** @param {Partial<Api.Book>} book */
export const fieldsOf = (book) =>
  /** @type {Page.Fields} */ (Object.fromEntries(FIELDS.map((name) => [name, book[name] ?? ''])));

export const same = (one, other) => FIELDS.every((name) => one[name] === other[name]);

/**
 * Returns the fields that are not the same in all three. A change by one side only is preselected; if both have changed
 * a field to different texts, the user must choose.
 * @param {Page.Fields} before @param {Page.Fields} theirs @param {Page.Fields} mine @returns {Page.Conflict[]}
 */
export function compare(before, theirs, mine) {
  const rows = FIELDS.map((name) => {
    const [was, their, my] = [before[name], theirs[name], mine[name]];
    /** @type {'mine' | 'theirs' | null} */
    const choice = their === was ? 'mine' : my === was || my === their ? 'theirs' : null;
    return { name, before: was, theirs: their, mine: my, choice, isAgreed: my === their };
  });
  return rows.filter((row) => row.theirs !== row.before || row.mine !== row.before);
}

/** Returns my fields, with theirs where chosen. @param {Page.Conflict[]} rows @param {Page.Fields} mine */
export function merge(rows, mine) {
  const chosen = rows.map((row) => [row.name, row.choice === 'theirs' ? row.theirs : row.mine]);
  return { ...mine, ...Object.fromEntries(chosen) };
}

const value = (words) => (words ? html`<bdi dir="auto">${words}</bdi>` : html`<em>${t('nothing')}</em>`);

// Explicit roles, because narrow windows show the table as blocks, which removes its semantics.
export function table(rows, update) {
  const choose = (row, choice) => () => {
    row.choice = choice;
    update();
  };
  const option = (row, choice) => html`
    <td role="cell" data-label=${t(choice)} data-chosen=${row.choice === choice}>
      ${row.isAgreed
        ? value(row[choice])
        : html`<label>
            <input type="radio" name="choice-${row.name}" id="choice-${row.name}-${choice}" .checked=${row.choice === choice}
              @change=${choose(row, choice)} />
            <span class="visually-hidden">${t(`field.${row.name}`)}, ${t(choice)}:</span>
            ${value(row[choice])}
          </label>`}
    </td>`;
  return html`
    <table role="table" class="conflict" aria-labelledby="conflict-title">
      <thead role="rowgroup">
        <tr role="row">
          ${['field', 'before', 'theirs', 'mine'].map((name) => html`<th role="columnheader" scope="col">${t(name)}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map(
          (row) => html`<tr role="row" data-open=${!row.choice}>
            <th role="rowheader" scope="row">
              ${t(`field.${row.name}`)}${row.isAgreed ? html`<small>${t('agreed')}</small>` : nothing}
            </th>
            <td role="cell" data-label=${t('before')}>${value(row.before)}</td>
            ${option(row, 'theirs')} ${option(row, 'mine')}
          </tr>`,
        )}
      </tbody>
    </table>`;
}
