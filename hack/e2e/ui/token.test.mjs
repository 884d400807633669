// Tokens of real accounts, reviewed by the API server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admin, eventually, field, focused, namespace, open, press, user } from './harness.mjs';

const { BOOKSHELF_LIBRARIAN: librarian, BOOKSHELF_TENANT: tenant, BOOKSHELF_STRANGER: stranger } = process.env;
const at = `#/?ns=${namespace}`;

async function signIn(page, token) {
  const dialog = page.getByRole('dialog', { name: 'Sign in' });
  await dialog.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
}

test('a page asks for a token, and says which it does not take', async (t) => {
  const page = await open(t, admin, at);
  await signIn(page, 'no.such.token');
  await page.getByText('The service did not accept the token.').waitFor();
  assert.equal(await focused(page), 'sign-in-value');
  await signIn(page, librarian);
  await page.getByRole('link', { name: 'A Title' }).click();
  await field(page, 'Title').fill('Written');
  await press(page, 'Save');
  await page.locator('.saved').waitFor();
  // The token is kept in the tab and nowhere else.
  await page.reload();
  await page.getByRole('heading', { name: 'Written' }).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  const left = await page.evaluate(() => [document.cookie, localStorage.length, location.href.includes('ey')]);
  assert.deepEqual(left, ['', 0, false]);
  assert.ok(page.requests.every((request) => !request.url().includes(librarian)));
});

test('a session that ends in the middle keeps what was written', async (t) => {
  const page = await open(t, admin, `#/book/${namespace}/book`);
  await signIn(page, librarian);
  await field(page, 'Author').fill('Kept Author');
  // As when a token expires: the one in the tab is no longer valid.
  await page.evaluate(async () => {
    const { session } = await import('./ui/session.js');
    session.token = 'ended';
  });
  await press(page, 'Save');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  assert.equal(await field(page, 'Author').inputValue(), 'Kept Author');
  await signIn(page, librarian);
  await page.locator('.saved').waitFor();
});

test('who lacks a right is told which', async (t) => {
  const page = await open(t, admin, at);
  await signIn(page, stranger);
  await page.getByText(/You may not do this/).waitFor();
  await page.getByText(/list/).first().waitFor();
  await press(page, 'Sign out');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
});

test('a tenant borrows under the name of the account, and is asked for no other', async (t) => {
  const page = await open(t, user, at);
  await signIn(page, tenant);
  const row = page.locator('li[data-id="book"]');
  await row.getByRole('button', { name: /Borrow/ }).click();
  await row.getByText('The book is yours.').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  await row.getByRole('button', { name: /Return/ }).click();
  await eventually('it is returned', () => row.getByText('Returned.').count());
});
