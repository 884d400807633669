// Two people change the same book.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, admin, ask, bookPath, change, eventually, field, hasFocus, hasValue, namespace, open, press, pressUntil, stored } from './harness.mjs';

const at = (id) => `#/book/${namespace}/${id}`;
const row = (page, name) => page.getByRole('row', { name });
const choose = (page, name, choice) => page.locator(`#choice-${name}-${choice}`).check();

test('what two windows change in different fields is saved together', async (t) => {
  await add('apart');
  const [one, other] = [await open(t, admin, at('apart')), await open(t, admin, at('apart'))];
  await field(one, 'Title').fill('Their Title');
  await field(other, 'Author').fill('My Author');
  await press(one, 'Save');
  await one.locator('.saved').waitFor();

  // The page shows the change before a save, and keeps the text that is being written.
  await other.locator('#main').getByText('Somebody else has changed this book since').waitFor();
  assert.equal(await field(other, 'Author').inputValue(), 'My Author');
  await press(other, 'Save');
  await other.getByRole('heading', { name: 'Somebody else has changed this book, too' }).waitFor();
  const cells = await row(other, /^Title/).getByRole('cell').allInnerTexts();
  assert.deepEqual(cells.map((cell) => cell.trim().split('\n').pop()), ['A Title', 'Their Title', 'A Title']);
  assert.equal((await stored('apart')).author, 'An Author', 'nothing is saved yet');
  await press(other, 'Save this choice');
  await other.locator('.saved').waitFor();
  const { title, author } = await stored('apart');
  assert.deepEqual([title, author], ['Their Title', 'My Author']);
});

test('of two texts for one field a person chooses', async (t) => {
  await add('same');
  // Without its stream, the window learns of the change only from the refusal.
  const page = await open(t, admin, at('same'));
  await page.route(/./, (route) =>
    route.request().headers().accept === 'text/event-stream' ? route.abort() : route.fallback(),
  );
  await field(page, 'Title').fill('Mine');
  await change('same', { title: 'Theirs' });
  await pressUntil(page, 'Save', page.getByRole('heading', { name: 'Somebody else has changed this book, too' }));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'conflict-title');

  await press(page, 'Save this choice');
  const error = page.getByRole('link', { name: /Choose one for/ });
  await error.waitFor();
  await hasFocus(page, 'errors');
  await error.click();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'choice-title-theirs');
  assert.equal((await stored('same')).title, 'Theirs');

  await choose(page, 'title', 'mine');
  await press(page, 'Save this choice');
  await page.locator('.saved').waitFor();
  assert.equal((await stored('same')).title, 'Mine');
});

test('behind a proxy that makes tags weak, a change is saved and no conflict', async (t) => {
  await add('weak');
  const page = await open(t, admin, '#/');
  await page.route(`**/${bookPath('weak')}`, async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, headers: { ...response.headers(), etag: `W/${response.headers().etag}` } });
  });
  await page.goto(`${admin}/${at('weak')}`);
  await hasValue(page, 'Title', 'A Title');
  await field(page, 'Title').fill('Saved');
  await press(page, 'Save');
  await page.locator('.saved').waitFor();
  assert.equal((await stored('weak')).title, 'Saved');
});

test('a third change asks again, and then one may overwrite', async (t) => {
  await add('third');
  const page = await open(t, admin, at('third'));
  await field(page, 'Title').fill('Mine');
  await change('third', { title: 'Second' });
  await page.locator('#main').getByText('Somebody else has changed this book since').waitFor();
  await press(page, 'Compare');
  await choose(page, 'title', 'mine');
  assert.equal(await page.getByRole('button', { name: 'Overwrite anyway' }).count(), 0);
  await change('third', { title: 'Third' });
  await page.locator('#main').getByText('There has been another change').waitFor();
  // The table still shows the values to choose from.
  assert.match(await row(page, /^Title/).innerText(), /Second/);

  await press(page, 'Save this choice');
  await eventually('the table has the third change', async () => /Third/.test(await row(page, /^Title/).innerText()));
  assert.equal((await stored('third')).title, 'Third', 'what was not seen is not overwritten');
  await choose(page, 'title', 'mine');
  await change('third', { title: 'Fourth' });
  await pressUntil(page, 'Save this choice', page.getByRole('heading', { name: 'It has been changed again' }));
  await choose(page, 'title', 'mine');
  await change('third', { title: 'Fifth' });
  await press(page, 'Overwrite anyway');
  await page.locator('.saved').waitFor();
  assert.equal((await stored('third')).title, 'Mine');
});

test('one may take theirs, or go on writing', async (t) => {
  await add('theirs');
  const page = await open(t, admin, at('theirs'));
  await field(page, 'Title').fill('Mine');
  await change('theirs', { title: 'Theirs', category_id: 'math' });
  await press(page, 'Compare');
  await choose(page, 'title', 'mine');
  await press(page, 'Continue editing');
  await hasValue(page, 'Title', 'Mine');
  assert.equal(await field(page, 'Category').inputValue(), 'math');

  await change('theirs', { title: 'Theirs again' });
  await press(page, 'Compare');
  await press(page, 'Take theirs');
  await hasValue(page, 'Title', 'Theirs again');
  await hasFocus(page, 'title');
});

test('another version with the same text is no conflict', async (t) => {
  await add('relabelled', { category_id: 'a' });
  const page = await open(t, admin, at('relabelled'));
  await field(page, 'Title').fill('Mine');
  for (const category_id of ['b', 'a']) {
    const { status } = await ask(admin, 'PATCH', `${bookPath('relabelled')}/category`, { body: { category_id } });
    assert.equal(status, 200);
  }
  await eventually('the page has seen the last version', () => page.locator('#main').getByText('Somebody else').count().then((n) => n === 0));
  await press(page, 'Save');
  await page.locator('.saved').waitFor();
  assert.equal((await stored('relabelled')).title, 'Mine');
});

test('a form in which nothing is written shows what others write', async (t) => {
  await add('untouched');
  const page = await open(t, admin, at('untouched'));
  await field(page, 'Title').waitFor();
  await change('untouched', { title: 'Another Title' });
  await page.getByRole('heading', { name: 'Another Title' }).waitFor();
  assert.equal(await field(page, 'Title').inputValue(), 'Another Title');
  assert.equal(await page.locator('#main').getByText('Somebody else').count(), 0);
});
