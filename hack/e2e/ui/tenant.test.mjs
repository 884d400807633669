// A tenant finds, borrows and returns.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, admin, ask, bookPath, borrow, eventually, focused, loseAnswer, namespace, open, user } from './harness.mjs';

const list = (category) => `#/?ns=${namespace}&category=${category}`;
const rowOf = (page, id) => page.locator(`li[data-id="${id}"]`);
const button = (page, id, name) => rowOf(page, id).getByRole('button', { name });
const loansOf = async (tenant) => (await ask(user, 'GET', `loan/${namespace}`, { tenant })).data.list.map((loan) => loan.book_id);

test('a book is borrowed, is among my loans, and is returned', async (t) => {
  await add('borrowed', { category_id: 'borrowed', title: 'To Borrow' });
  const page = await open(t, user, list('borrowed'), { tenant: 'ann' });
  await rowOf(page, 'borrowed').getByText('available').waitFor();
  await button(page, 'borrowed', /Borrow/).click();
  await rowOf(page, 'borrowed').getByText('The book is yours.').waitFor();
  assert.match(await focused(page), /^Return/);
  assert.deepEqual(await loansOf('ann'), ['borrowed']);
  await page.getByRole('link', { name: 'My loans' }).click();
  await button(page, 'borrowed', /Return/).click();
  await rowOf(page, 'borrowed').getByText('Returned.').waitFor();
  assert.deepEqual(await loansOf('ann'), []);
});

test('who has no name yet is asked for one when it is needed', async (t) => {
  await add('named', { category_id: 'named' });
  const page = await open(t, user, list('named'));
  await button(page, 'named', /Borrow/).click();
  const dialog = page.getByRole('dialog', { name: 'Who are you?' });
  await dialog.getByLabel('Your name in the library').fill('newcomer');
  await page.keyboard.press('Enter');
  await rowOf(page, 'named').getByText('The book is yours.').waitFor();
  assert.deepEqual(await loansOf('newcomer'), ['named']);
});

test('a race that is lost is told where one clicked, and the focus stays', async (t) => {
  await add('raced', { category_id: 'raced' });
  const page = await open(t, user, list('raced'), { tenant: 'slow' });
  await button(page, 'raced', /Borrow/).waitFor();
  // The rival borrows between the click and the request.
  await page.route('**/borrow', async (route) => {
    await borrow('raced', 'quick');
    await route.fallback();
  });
  await button(page, 'raced', /Borrow/).click();
  await rowOf(page, 'raced').getByText('Somebody else was faster').waitFor();
  assert.match(await focused(page), /^on loan/);
  assert.equal(await button(page, 'raced', /on loan/).getAttribute('aria-disabled'), 'true');
  assert.deepEqual(await loansOf('slow'), []);
});

test('a double click, or a lost answer, makes one loan', async (t) => {
  await add('once', { category_id: 'once' });
  const page = await open(t, user, list('once'), { tenant: 'eve' });
  const lost = await loseAnswer(page, 'POST', '**/borrow');
  await button(page, 'once', /Borrow/).dblclick();
  await rowOf(page, 'once').getByText('The book is yours.').waitFor();
  assert.equal(lost(), 1);
  const keys = page.requests.filter((one) => one.method() === 'POST').map((one) => one.headers()['idempotency-key']);
  assert.equal(new Set(keys).size, 1);
  assert.equal(keys.length, 2);
  assert.deepEqual(await loansOf('eve'), ['once']);
});

test('what others borrow and return shows at once', async (t) => {
  await add('seen', { category_id: 'seen', description: 'About others.' });
  const page = await open(t, user, list('seen'), { tenant: 'watcher' });
  await rowOf(page, 'seen').getByText('available').waitFor();
  await borrow('seen', 'other');
  await rowOf(page, 'seen').getByText('on loan').waitFor();
  assert.equal(await rowOf(page, 'seen').getByRole('button').count(), 0);
  await page.getByRole('link', { name: 'A Title' }).click();
  await page.getByText('About others.').waitFor();
  assert.equal((await ask(user, 'POST', `${bookPath('seen')}/return`, { tenant: 'other' })).status, 204);
  await page.getByText('available').waitFor();
});

test('what a librarian removes from a book goes from the open page, too', async (t) => {
  await add('shorter', { category_id: 'shelf-9', description: 'Soon gone.' });
  const page = await open(t, user, `#/book/${namespace}/shorter`);
  await page.getByText('Soon gone.').waitFor();
  await page.getByText('shelf-9').waitFor();
  const rest = { author: 'An Author', title: 'What Is Left' };
  assert.equal((await ask(admin, 'PUT', bookPath('shorter'), { body: rest })).status, 200);
  await page.getByRole('heading', { level: 1, name: 'What Is Left' }).waitFor();
  assert.equal(await page.getByText('Soon gone.').count(), 0);
  assert.equal(await page.getByText('shelf-9').count(), 0);
});

test('a loan of one tenant in two windows is shown as theirs in both', async (t) => {
  await add('both', { category_id: 'both' });
  const [one, other] = [
    await open(t, user, list('both'), { tenant: 'twice' }),
    await open(t, user, list('both'), { tenant: 'twice' }),
  ];
  await button(other, 'both', /Borrow/).waitFor();
  await button(one, 'both', /Borrow/).click();
  await rowOf(other, 'both').getByText('you have it').waitFor();
  await button(other, 'both', /Return/).click();
  await rowOf(one, 'both').getByText('available').waitFor();
});

test('the keyboard alone will do', async (t) => {
  await add('keyed', { category_id: 'keyed', title: 'By Keyboard' });
  const page = await open(t, user, list('keyed'), { tenant: 'kay' });
  await button(page, 'keyed', /Borrow/).waitFor();
  const tabTo = async (words) => {
    for (let count = 0; count < 40; count += 1) {
      await page.keyboard.press('Tab');
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      if (words.test(await focused(page))) return assert.notEqual(outline, 'none', 'the focus is seen');
    }
    return assert.fail(`no way to ${words}`);
  };
  await tabTo(/^Skip/);
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await tabTo(/^Borrow/);
  await page.keyboard.press('Enter');
  await rowOf(page, 'keyed').getByText('The book is yours.').waitFor();
  await page.keyboard.press('Space');
  await rowOf(page, 'keyed').getByText('Returned.').waitFor();
  await eventually('it is returned', async () => (await loansOf('kay')).length === 0);
  await page.reload();
  await tabTo(/^By Keyboard/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'By Keyboard' }).waitFor();
  await eventually('the heading has the focus', async () => (await focused(page)) === 'By Keyboard');
});

test('my history has my loans alone, those that have ended, too', async (t) => {
  await add('past', { category_id: 'past' });
  await borrow('past', 'hal');
  assert.equal((await ask(user, 'POST', `${bookPath('past')}/return`, { tenant: 'hal' })).status, 204);
  await borrow('past', 'ina');
  const page = await open(t, user, list('past'), { tenant: 'hal' });
  await page.getByRole('link', { name: 'My history' }).click();
  await page.getByLabel('Namespace').selectOption(namespace);
  await page.locator('li[data-event="returned"][data-id="past"]').waitFor();
  assert.deepEqual(await page.locator('li[data-id="past"] .title').allTextContents(), ['Returned', 'Borrowed']);
  // The same link again, with an address without a namespace.
  await page.getByRole('link', { name: 'My history' }).click();
  await eventually('a namespace is chosen', () => page.evaluate(() => location.hash.includes('ns=')));
  await page.getByLabel('Namespace').selectOption(namespace);
  await page.locator('li[data-id="past"]').first().waitFor();
  await page.getByRole('link', { name: 'past', exact: true }).first().click();
  await page.getByRole('heading', { name: 'My loans of this book' }).waitFor();
  assert.equal(await page.getByText('ina').count(), 0);
});
