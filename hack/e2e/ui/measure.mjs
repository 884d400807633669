// Measures the librarians' page: the time to its first rows, its number of nodes, and the growth of its heap. Prints
// JSON.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const variable = (name) => process.env[name] ?? assert.fail(`${name} is not set: cargo xtask bench sets it`);

const MEBIBYTE = 1024 * 1024;
const admin = variable('BOOKSHELF_ADMIN');
const rounds = Number(variable('BOOKSHELF_ROUNDS'));
const seconds = Number(variable('BOOKSHELF_SECONDS'));
const browser = await chromium.launch({
  executablePath: variable('BOOKSHELF_CHROMIUM'),
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});

/** Opens the page. Its `firstRow` is the time from the navigation to the first row. */
async function open() {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await page.addInitScript(() => {
    const look = () => {
      if (!document.querySelector('main a[href^="#/book/"]')) return;
      observer.disconnect();
      // People see rows only once they are painted.
      requestAnimationFrame(() => setTimeout(() => Object.assign(window, { firstRow: performance.now() })));
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { childList: true, subtree: true });
  });
  await page.goto(`${admin}/`);
  // The page's policy forbids waitForFunction.
  for (let looks = 0; !(await page.evaluate(() => window.firstRow)); looks += 1) {
    assert.ok(looks < 3000, 'no row within a minute');
    await new Promise((done) => setTimeout(done, 20));
  }
  return page;
}

/** Returns the number of nodes, and the heap in MiB after garbage collection. */
async function size(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  await session.detach();
  const value = (name) => metrics.find((metric) => metric.name === name).value;
  return { nodes: value('Nodes'), heap: value('JSHeapUsedSize') / MEBIBYTE };
}

/** The number of sizes taken, a second apart: a single one may coincide with the arrival of an event. */
const SAMPLES = 9;

const figures = { firstRows: [], nodes: [], heap: { begin: [], end: [] } };
for (let round = 0; round < rounds; round += 1) {
  const page = await open();
  figures.firstRows.push(await page.evaluate(() => window.firstRow));
  figures.nodes.push((await size(page)).nodes);
  await page.context().close();
}
if (seconds) {
  const page = await open();
  // By the first tenth, everything that is created once exists.
  for (const [name, part] of [['begin', 0.1], ['end', 0.9]]) {
    await new Promise((done) => setTimeout(done, seconds * part * 1000));
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const { nodes, heap } = await size(page);
      figures.nodes.push(nodes);
      figures.heap[name].push(heap);
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}
await browser.close();
console.log(JSON.stringify(figures));
