// Every view for every user: axe's rules, narrow windows, dark and light colours.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { add, admin, borrow, change, eventually, field, namespace, open, press, refuse, user } from './harness.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const long = 'A_Very_Long_Title_Without_Any_Place_To_Break_It_'.repeat(4);

await add('view', { category_id: 'views', title: 'A Book In View', description: 'Of some length.' });
await add('view-long', { category_id: 'views', title: long, author: long });
await add('view-lent', { category_id: 'views' });
await borrow('view-lent', 'someone');

const conflict = async (page) => {
  await field(page, 'Title').fill(`Mine ${Math.random()}`);
  await change('view', { title: `Theirs ${Math.random()}` });
  await press(page, 'Compare');
  await page.locator('#conflict-title').waitFor();
};

/** The views by name: their API, their address, and the actions in them. */
const views = {
  'librarian-books': [admin, `#/?ns=${namespace}&category=views`, (page) => page.locator('li[data-id]').first().waitFor()],
  'librarian-empty': [admin, '#/?category=nothing-has-this', (page) => page.locator('.empty').waitFor()],
  'librarian-book': [admin, `#/book/${namespace}/view-lent`, async (page) => {
    await page.getByText('someone', { exact: true }).first().waitFor();
    await page.locator('.history li').first().waitFor();
  }],
  'librarian-new': [admin, '#/new', async (page) => {
    await press(page, 'Create');
    await page.locator('#errors').waitFor();
  }],
  'librarian-conflict': [admin, `#/book/${namespace}/view`, conflict],
  'librarian-elsewhere': [admin, `#/book/${namespace}/elsewhere`, (page) => page.locator('pre').waitFor()],
  'librarian-loans': [admin, `#/loans?ns=${namespace}`, (page) => page.locator('li[data-id]').first().waitFor()],
  'librarian-missing': [admin, `#/book/${namespace}/no-such-book`, (page) => page.locator('.empty').waitFor()],
  'librarian-sign-in': [admin, `#/book/${namespace}/view-long`, async (page) => {
    const problem = { type: 'urn:bookshelf:problem:unauthenticated' };
    await refuse(page, 'PUT', '**/book/**', 401, problem, { 'WWW-Authenticate': 'Bearer realm="bookshelf"' });
    await press(page, 'Save');
    await page.getByRole('dialog').waitFor();
  }],
  'tenant-books': [user, `#/?ns=${namespace}&category=views`, (page) => page.locator('li[data-id]').first().waitFor()],
  'tenant-book': [user, `#/book/${namespace}/view`, (page) => page.getByText('Of some length.').waitFor()],
  'tenant-history': [user, `#/history?ns=${namespace}`, (page) => page.locator('.rows, .empty').first().waitFor()],
  'tenant-loans': [user, '#/loans', (page) => page.locator('.rows, .empty').first().waitFor()],
};

for (const [name, [api, at, act]] of Object.entries(views)) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1280]) {
      test(`${name} is for everybody, ${colorScheme} and ${width} px wide`, async (t) => {
        // axe creates elements from text, which the page's policy allows only to lit-html.
        const options = { colorScheme, viewport: { width, height: 900 }, bypassCSP: true, tenant: 'someone' };
        const page = await open(t, api, at, options);
        await act(page);
        const widest = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(widest <= width, `${widest} px wide`);
        assert.equal(await page.locator('h1').count(), 1);
        if (process.env.BOOKSHELF_SCREENSHOTS) {
          await page.screenshot({ path: `${process.env.BOOKSHELF_SCREENSHOTS}/${name}-${colorScheme}-${width}.png`, fullPage: true });
        }
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(', ')}`);
        assert.deepEqual(found, []);
      });
    }
  }
}

test('forced colours and reduced motion leave nothing unreadable', async (t) => {
  const options = { forcedColors: 'active', reducedMotion: 'reduce', tenant: 'someone' };
  const page = await open(t, user, `#/?ns=${namespace}&category=views`, options);
  await page.locator('li[data-id]').first().waitFor();
  const moving = await page.evaluate(() => getComputedStyle(document.querySelector('button')).transitionDuration);
  assert.equal(moving, '0s');
});

test('every language has every text', async () => {
  const texts = async (base, file) => Object.keys((await import(`data:text/javascript,${encodeURIComponent(await (await fetch(`${base}/ui/${file}`)).text())}`)).default);
  for (const [base, file] of [[admin, 'common'], [admin, 'librarian'], [user, 'tenant']]) {
    assert.deepEqual(await texts(base, `${file}.de.js`), await texts(base, `${file}.en.js`), file);
  }
});

test('a page is small, and asks for little', async (t) => {
  for (const [base, at] of [[admin, '#/'], [user, '#/']]) {
    const page = await open(t, base, at);
    await page.locator('main').waitFor();
    await eventually('the list is there', () => page.locator('.loading').count().then((count) => count === 0));
    const files = page.requests.filter((request) => /\/ui\/|\/$/.test(new URL(request.url()).pathname));
    assert.ok(page.requests.length <= 25, `${page.requests.length} requests`);
    let bytes = 0;
    for (const file of files) bytes += (await (await fetch(file.url())).arrayBuffer()).byteLength;
    assert.ok(bytes <= 96 * 1024, `${bytes} bytes`);
    t.diagnostic(`${base === admin ? 'librarians' : 'tenants'}: ${files.length} files, ${bytes} bytes, ${page.requests.length} requests`);
  }
});
