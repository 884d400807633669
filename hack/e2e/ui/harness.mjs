// The harness of the page tests: a browser, windows that report every fault, and clients of the APIs.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

const variable = (name) => process.env[name] ?? assert.fail(`${name} is not set: cargo xtask test sets it`);

export const admin = variable('BOOKSHELF_ADMIN');
export const user = variable('BOOKSHELF_USER');
export const namespace = variable('BOOKSHELF_NAMESPACE');
const adminMetrics = variable('BOOKSHELF_ADMIN_METRICS');

/** How long a test waits for things that are immediate on an idle machine, in milliseconds. */
const PATIENCE = 60_000;

// The flags keep the browser from contacting its vendor's hosts.
const browser = await chromium.launch({
  executablePath: variable('BOOKSHELF_CHROMIUM'),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
after(() => browser.close());

/** Sends a request to an API directly, without the page. */
export async function ask(base, method, path, { body, tenant } = {}) {
  const headers = { ...(body && { 'Content-Type': 'application/json' }), ...(tenant && { 'X-TENANT-ID': tenant }) };
  const response = await fetch(`${base}/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, data: text ? JSON.parse(text) : null };
}

export const bookPath = (id) => `book/${namespace}/${id}`;

export const stored = async (id) => (await ask(admin, 'GET', bookPath(id))).data;

/** Adds a book, and waits until both APIs serve it. */
export async function add(id, fields = {}) {
  const body = { id, title: 'A Title', author: 'An Author', ...fields };
  const { status, data } = await ask(admin, 'POST', `book/${namespace}`, { body });
  assert.equal(status, 201, JSON.stringify(data));
  await eventually(`the tenants' API shows ${id}`, async () => (await ask(user, 'GET', bookPath(id))).status === 200);
}

export async function change(id, fields) {
  const { id: _, namespace_id: __, managed_by: ___, ...now } = await stored(id);
  const { status, data } = await ask(admin, 'PUT', bookPath(id), { body: { ...now, ...fields } });
  assert.equal(status, 200, JSON.stringify(data));
}

export async function borrow(id, tenant) {
  const { status, data } = await ask(user, 'POST', `${bookPath(id)}/borrow`, { tenant });
  assert.equal(status, 201, JSON.stringify(data));
  const knows = async () => (await ask(admin, 'GET', `loan/${namespace}/${id}`)).status === 200;
  await eventually(`the librarians' API knows the loan of ${id}`, knows);
}

export async function eventually(what, isTrue) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const value = await isTrue();
    if (value) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
  return assert.fail(`in vain: ${what}`);
}

/** Waits until a field has a value, since a page shows changes in its next frame. */
export const hasValue = (page, name, value) =>
  eventually(`${name} is ${value}`, async () => (await field(page, name).inputValue()) === value);

/** Waits until the element with this id has the focus, since a page moves it in its next frame. */
export const hasFocus = (page, id) =>
  eventually(`${id} has the focus`, () => page.evaluate((id) => document.activeElement.id === id, id));

/** Returns the number of open streams at the librarians' API. */
export async function openStreams() {
  const metrics = await (await fetch(`${adminMetrics}/metrics`)).text();
  return Number(/^http_server_active_streams (\d+)$/m.exec(metrics)[1]);
}

/**
 * Opens a window. Its test fails if the window reports an error, breaks its security policy, or contacts another host.
 * @param {any} t the test
 * @param {string} base the API
 * @param {string} at the address within the page
 */
export async function open(t, base, at = '#/', { tenant, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  const faults = [];
  const requests = [];
  context.on('request', (request) => {
    requests.push(request);
    const url = request.url();
    if (!url.startsWith(`${base}/`)) faults.push(`request to ${url}`);
  });
  context.on('weberror', (error) => faults.push(String(error.error())));
  context.on('console', (message) => {
    // A browser also reports each response of the API with an error status.
    const isRefusal = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !isRefusal) faults.push(message.text());
  });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  // The first document of a window has no session storage.
  const remember = ([name, value]) => location.protocol === 'http:' && sessionStorage.setItem(name, JSON.stringify(value));
  if (tenant) await context.addInitScript(remember, ['tenant', tenant]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, [], 'the window reports no fault');
  });
  await page.goto(`${base}/${at}`);
  await page.locator('h1').waitFor();
  return Object.assign(page, { requests, said: page.locator('#said') });
}

/** Lets the next request of this kind be executed, and loses its response. */
export async function loseAnswer(page, method, pattern) {
  let lost = 0;
  await page.route(pattern, async (route) => {
    if (route.request().method() !== method || lost > 0) return route.fallback();
    lost += 1;
    await route.fetch();
    return route.abort('connectionreset');
  });
  return () => lost;
}

/** Answers the next request of this kind with a problem. */
export async function refuse(page, method, pattern, status, problem, headers = {}) {
  let refused = 0;
  await page.route(pattern, (route) => {
    if (route.request().method() !== method || refused > 0) return route.fallback();
    refused += 1;
    const body = JSON.stringify({ status, request_id: '1', ...problem });
    return route.fulfill({ status, body, contentType: 'application/problem+json', headers });
  });
  return () => refused;
}

export const field = (page, name) => page.getByLabel(new RegExp(`^${name}`));
export const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

/**
 * Presses a button until the expected element appears: if the API server is busy, the page may show a timeout instead.
 */
export async function pressUntil(page, name, there) {
  await eventually(`${name} has led there`, async () => {
    if (await there.count()) return true;
    await press(page, name);
    return there.waitFor({ timeout: 10_000 }).then(() => true, () => false);
  });
}

/** Returns the accessible text of the element with the focus. */
export const focused = (page) =>
  page.evaluate(() => (document.activeElement?.textContent || document.activeElement?.id || '').trim());
