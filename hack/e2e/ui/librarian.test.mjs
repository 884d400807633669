// A librarian at work, and everything that must not be lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  add,
  admin,
  ask,
  bookPath,
  borrow,
  change,
  eventually,
  field,
  focused,
  hasFocus,
  hasValue,
  loseAnswer,
  namespace,
  open,
  openStreams,
  press,
  refuse,
  stored,
} from './harness.mjs';

const at = (id) => `#/book/${namespace}/${id}`;
const list = (category) => `#/?ns=${namespace}&category=${category}`;
const rowOf = (page, id) => page.locator(`li[data-id="${id}"]`);

async function write(page, id, title = 'A New Book') {
  await field(page, 'Namespace').fill(namespace);
  await field(page, 'Id').fill(id);
  await field(page, 'Title').fill(title);
  await field(page, 'Author').fill('A. Writer');
}

test('a double click makes one book', async (t) => {
  const page = await open(t, admin, '#/new');
  await write(page, 'clicked-twice');
  await page.getByRole('button', { name: 'Create' }).dblclick();
  await page.getByRole('heading', { name: 'A New Book' }).waitFor();
  const posts = page.requests.filter((request) => request.method() === 'POST');
  assert.equal(posts.length, 1);
  assert.equal((await stored('clicked-twice')).author, 'A. Writer');
});

test('a book whose answer is lost is made once', async (t) => {
  const page = await open(t, admin, '#/new');
  const lost = await loseAnswer(page, 'POST', '**/book/**');
  await write(page, 'lost-answer');
  await press(page, 'Create');
  await page.getByRole('heading', { name: 'A New Book' }).waitFor();
  assert.equal(lost(), 1);
  const keys = page.requests.filter((request) => request.method() === 'POST').map((one) => one.headers()['idempotency-key']);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
});

test('an update whose answer is lost is saved, and no conflict with oneself', async (t) => {
  await add('lost-update');
  const page = await open(t, admin, at('lost-update'));
  const lost = await loseAnswer(page, 'PUT', '**/book/**');
  await field(page, 'Title').fill('Saved Once');
  await press(page, 'Save');
  await page.locator('.saved').waitFor();
  assert.equal(lost(), 1);
  assert.equal((await stored('lost-update')).title, 'Saved Once');
});

test('a refusal for now keeps what was written, and says so', async (t) => {
  await add('later');
  const page = await open(t, admin, at('later'));
  await field(page, 'Title').fill('Kept');
  const problem = { type: 'urn:bookshelf:problem:unavailable', message: 'unavailable', retry_after: 1 };
  await refuse(page, 'PUT', '**/book/**', 503, problem, { 'Retry-After': '1' });
  await press(page, 'Save');
  await page.getByText('Nothing was changed. Your changes are kept').waitFor();
  assert.equal(await field(page, 'Title').inputValue(), 'Kept');
  await press(page, 'Save');
  await page.locator('.saved').waitFor();
  assert.equal((await stored('later')).title, 'Kept');
});

test('a session that ends asks for a token over the page, and goes on where it was', async (t) => {
  await add('signed-out');
  const page = await open(t, admin, at('signed-out'));
  await field(page, 'Title').fill('Kept');
  const challenge = { 'WWW-Authenticate': 'Bearer realm="bookshelf"' };
  const refused = await refuse(page, 'PUT', '**/book/**', 401, { type: 'urn:bookshelf:problem:unauthenticated' }, challenge);
  await press(page, 'Save');
  const dialog = page.getByRole('dialog', { name: 'Sign in' });
  await dialog.waitFor();
  assert.match(await dialog.innerText(), /--audience bookshelf-admin/);
  assert.equal(await field(page, 'Title').inputValue(), 'Kept');
  await dialog.getByLabel('Token').fill('a.pasted.token');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await page.locator('.saved').waitFor();
  assert.equal(refused(), 1);
  const put = page.requests.filter((request) => request.method() === 'PUT').at(-1);
  assert.equal(put.headers().authorization, 'Bearer a.pasted.token');
  assert.equal((await stored('signed-out')).title, 'Kept');

  await press(page, 'Sign out');
  await page.waitForLoadState();
  await eventually('the token is forgotten', () => page.evaluate(() => sessionStorage.getItem('token') === null));
});

test('what was written survives a reload, and the way back', async (t) => {
  await add('reloaded');
  const page = await open(t, admin, at('reloaded'));
  await field(page, 'Description').fill('Two lines\nof text');
  await page.reload();
  await page.getByText('Your unsaved changes have been restored.').waitFor();
  assert.equal(await field(page, 'Description').inputValue(), 'Two lines\nof text');
  await page.getByRole('link', { name: 'Books', exact: true }).click();
  await page.getByRole('heading', { name: 'Books' }).waitFor();
  await page.goBack();
  assert.equal(await field(page, 'Description').inputValue(), 'Two lines\nof text');
  await press(page, 'Discard changes');
  await hasValue(page, 'Description', '');
});

test('errors stand in a summary that leads to their fields', async (t) => {
  const page = await open(t, admin, '#/new');
  await press(page, 'Create');
  await hasFocus(page, 'errors');
  const summary = page.locator('#errors');
  assert.equal(await summary.getByRole('link').count(), 4);
  await summary.getByRole('link', { name: /Author/ }).click();
  await hasFocus(page, 'author');
  // The service checks its own rules too.
  await write(page, 'Not An Id');
  await press(page, 'Create');
  await summary.getByRole('link', { name: /^id must/ }).click();
  await hasFocus(page, 'id');
});

test('a book on loan is deleted after it was taken back, or with its loan', async (t) => {
  for (const [id, way] of [['lent-one', 'Delete book and loan'], ['lent-two', 'Take back']]) {
    await add(id, { title: id });
    await borrow(id, 'bob');
    const page = await open(t, admin, at(id));
    await press(page, 'Delete');
    await press(page, 'Delete the book');
    await page.getByText(/The book is on loan to .bob/).waitFor();
    assert.ok(await stored(id));
    await press(page, way);
    if (way === 'Take back') {
      await eventually('the loan is gone', async () => (await ask(admin, 'GET', `loan/${namespace}/${id}`)).status === 404);
      await press(page, 'Delete');
      await press(page, 'Delete the book');
    }
    await page.getByRole('heading', { name: 'Books' }).waitFor();
    await eventually('the book is gone', async () => (await ask(admin, 'GET', bookPath(id))).status === 404);
  }
});

test('a book that others delete can be made again of what was written', async (t) => {
  await add('deleted');
  const page = await open(t, admin, at('deleted'));
  await field(page, 'Title').fill('Not Lost');
  assert.equal((await ask(admin, 'DELETE', bookPath('deleted'))).status, 204);
  await press(page, 'Create it again with this text');
  await hasValue(page, 'Title', 'Not Lost');
  await press(page, 'Create');
  await page.getByRole('heading', { name: 'Not Lost' }).waitFor();
  assert.equal((await stored('deleted')).title, 'Not Lost');
});

test('a book managed elsewhere is shown with who manages it, and as YAML', async (t) => {
  const page = await open(t, admin, at('elsewhere'));
  await page.getByText(/managed by .Helm/).first().waitFor();
  assert.equal(await page.getByRole('textbox').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Save' }).count(), 0);
  const yaml = await page.locator('pre').innerText();
  assert.match(yaml, /kind: Book\nmetadata:\n {2}name: "elsewhere"/);
  assert.match(yaml, /app.kubernetes.io\/managed-by: "Helm"/);
});

test('loans are found by tenant, and taken back', async (t) => {
  for (const [id, tenant] of [['loaned-a', 'carol'], ['loaned-b', 'dave']]) {
    await add(id);
    await borrow(id, tenant);
  }
  const page = await open(t, admin, `#/loans?ns=${namespace}`);
  await rowOf(page, 'loaned-b').waitFor();
  await page.getByLabel('Borrower').fill('carol');
  await press(page, 'Filter');
  await rowOf(page, 'loaned-b').waitFor({ state: 'detached' });
  await rowOf(page, 'loaned-a').getByRole('button', { name: /Take back/ }).click();
  await rowOf(page, 'loaned-a').getByText('Taken back.').waitFor();
  assert.match(await focused(page), /Take back/);
  assert.equal((await ask(admin, 'GET', `loan/${namespace}/loaned-a`)).status, 404);
  assert.equal((await ask(admin, 'GET', `loan/${namespace}/loaned-b`)).status, 200);
});

test('shown rows change in place, and new ones wait behind a button', async (t) => {
  for (const id of ['live-b', 'live-c']) await add(id, { category_id: 'live' });
  const page = await open(t, admin, list('live'));
  await rowOf(page, 'live-c').waitFor();
  await change('live-c', { title: 'Changed In Place' });
  await rowOf(page, 'live-c').getByText('Changed In Place').waitFor();
  await add('live-a', { category_id: 'live' });
  const show = page.getByRole('button', { name: 'Show 1 new book' });
  await show.waitFor();
  assert.equal(await page.locator('li[data-id]').count(), 2);
  await show.click();
  await rowOf(page, 'live-a').waitFor();
  assert.equal((await ask(admin, 'DELETE', bookPath('live-b'))).status, 204);
  await rowOf(page, 'live-b').getByText('deleted').waitFor();
  assert.equal(await page.locator('li[data-id]').count(), 3);
});

test('a hidden tab closes its stream, and goes on when it is shown', async (t) => {
  await add('hidden-a', { category_id: 'hidden' });
  const page = await open(t, admin, list('hidden'));
  await rowOf(page, 'hidden-a').waitFor();
  const streams = () => page.requests.filter((request) => request.headers().accept === 'text/event-stream');
  await eventually('the list has its stream', () => streams().length === 1);
  const show = (isHidden) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, 'hidden', { get: () => isHidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);
  const closed = page.waitForEvent('requestfailed', (request) => request === streams()[0]);
  await show(true);
  await closed;
  await change('hidden-a', { title: 'Changed Meanwhile' });
  assert.equal(streams().length, 1);
  await show(false);
  await rowOf(page, 'hidden-a').getByText('Changed Meanwhile').waitFor();
  await eventually('the list has a new stream', () => streams().length === 2);
  assert.ok((await openStreams()) >= 1);
});

test('lists come fifty at a time', async (t) => {
  const ids = Array.from({ length: 60 }, (_, number) => `page-${String(number).padStart(2, '0')}`);
  await Promise.all(ids.map((id) => add(id, { category_id: 'pages' })));
  const page = await open(t, admin, list('pages'));
  await rowOf(page, 'page-49').waitFor();
  assert.equal(await page.locator('li[data-id]').count(), 50);
  await page.getByRole('link', { name: 'Next page' }).click();
  await rowOf(page, 'page-59').waitFor();
  assert.equal(await page.locator('li[data-id]').count(), 10);
  await page.getByRole('link', { name: /First page|Previous page/ }).click();
  await rowOf(page, 'page-00').waitFor();
  // Text and comments, which templates leave behind, count, too.
  const nodes = await page.evaluate(() => {
    const walker = document.createTreeWalker(document);
    let count = 1;
    while (walker.nextNode()) count += 1;
    return count;
  });
  assert.ok(nodes <= 1_150, `${nodes} nodes`);
});

const SCRIPTS = [
  'Modenov', 'Достоевский', '红楼梦', 'とんこつ', '한국어', 'نجيب محفوظ', 'שלום עליכם', 'प्रेमचंद', 'ภาษาไทย', 'Όμηρος',
];

test('markup is text, and so is every script', async (t) => {
  const markup = '<img src=x onerror="document.title=1"><script>alert(1)</script>${1}{{1}}';
  await add('markup', { title: markup, author: markup, description: markup, category_id: 'markup' });
  await Promise.all(SCRIPTS.map((title, number) => add(`script-${number}`, { title, category_id: 'markup' })));
  const page = await open(t, admin, list('markup'));
  await rowOf(page, 'markup').waitFor();
  assert.equal(await rowOf(page, 'markup').locator('.title').innerText(), markup);
  for (const title of SCRIPTS) await page.getByRole('link', { name: title, exact: true }).waitFor();
  await page.goto(`${admin}/${at('markup')}`);
  await eventually('the form has it', async () => (await field(page, 'Description').inputValue()) === markup);
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), markup);
  assert.equal(await page.locator('img, script:not([src])').count(), 0);
});

test('the page speaks German to those who read it', async (t) => {
  const page = await open(t, admin, '#/new', { locale: 'de-AT' });
  await page.getByRole('heading', { name: 'Neues Buch' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
});

test('a book has its history, and keeps it when it is deleted', async (t) => {
  await add('storied');
  await borrow('storied', 'sam');
  const page = await open(t, admin, at('storied'));
  await page.getByRole('heading', { name: 'History' }).waitFor();
  const event = (name) => page.locator(`li[data-event="${name}"]`);
  await event('created').waitFor();
  await eventually('the other API has stored the loan', async () => {
    await page.reload();
    await event('created').waitFor();
    return (await event('borrowed').getByText('sam').count()) === 1;
  });
  await press(page, 'Delete');
  await press(page, 'Delete the book');
  await press(page, 'Delete book and loan');
  await page.getByRole('heading', { name: 'Books' }).waitFor();
  const again = await open(t, admin, at('storied'));
  // The end of the loan arrives with the next event of the watch.
  await eventually('the end of the loan is in the history', async () => {
    await again.reload();
    await again.getByText('This book does not exist').waitFor();
    await again.locator('li[data-event="deleted"]').getByText('forced').waitFor();
    return (await again.locator('li[data-event="book_gone"]').count()) === 1;
  });
});
