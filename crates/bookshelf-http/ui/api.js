// Requests to the API that serves the page, and to no other server.

import { session } from './session.js';

const DEADLINE = 15_000;
const ATTEMPTS = 4;
/** The time after a write in which reads require its version: another replica may answer them. */
const OWN_WRITE_IS_NEW = 5_000;

let written = { version: '', until: 0 };

/** An error answer. `status` is 0 if there was no answer. */
export class Problem extends Error {
  /** @param {number} status @param {Partial<Api.Problem>} body */
  constructor(status, body = {}) {
    super(body.message ?? '');
    this.status = status;
    /** @type {Api.Code | 'lost' | 'changed_before_delete'} */
    this.code = /** @type {any} */ (body.type?.split(':').pop()) ?? (status ? 'internal' : 'lost');
    this.field = body.field;
    this.wait = body.retry_after ?? 0;
    /** True if the outcome of this or an earlier attempt is unknown. */
    this.wasLost = false;
  }

  /** True if the outcome of the request is unknown. */
  get isLost() {
    return !this.status || this.status === 504;
  }
}

export const path = (...parts) => parts.filter(Boolean).map(encodeURIComponent).join('/');

function address(to, query) {
  const url = new URL(to, document.baseURI);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value) url.searchParams.set(name, String(value));
  }
  return url;
}

function headersOf(method, given) {
  const headers = new Headers(given);
  if (session.token) headers.set('Authorization', `Bearer ${session.token}`);
  if (session.tenant) headers.set('X-TENANT-ID', session.tenant);
  if (method === 'GET' && Date.now() < written.until) headers.set('X-Resource-Version', written.version);
  return headers;
}

/**
 * @param {string} method @param {string} to @param {Page.Options} options
 * @returns {Promise<{response?: Response, data?: any, problem?: Problem}>}
 */
async function attempt(method, to, { query, body, headers, signal, isStream }) {
  const signals = [signal, isStream ? undefined : AbortSignal.timeout(DEADLINE)].filter(Boolean);
  try {
    const response = await fetch(address(to, query), {
      method,
      headers: headersOf(method, { ...headers, ...(body && { 'Content-Type': 'application/json' }) }),
      body: body && JSON.stringify(body),
      signal: AbortSignal.any(signals),
    });
    if (response.ok && isStream) return { response };
    const text = await response.text();
    if (response.ok) return { response, data: text ? JSON.parse(text) : null };
    let problem = {};
    try {
      problem = JSON.parse(text);
    } catch {
      // The error page of a proxy.
    }
    return { response, problem: new Problem(response.status, problem) };
  } catch (error) {
    if (signal?.aborted) throw error;
    return { problem: new Problem(0) };
  }
}

/** Asks the user for a token or a tenant's name, if the problem requires it. Returns true if there is a new one. */
async function identify(problem, sent) {
  if (problem.status === 401) {
    // Another request has already asked.
    if (sent.token !== session.token) return true;
    return session.ask('token', Boolean(session.token));
  }
  if (problem.status === 400 && problem.field?.toLowerCase() === 'x-tenant-id') {
    if (sent.tenant !== session.tenant) return true;
    return session.ask('tenant', Boolean(session.tenant));
  }
  return false;
}

export const pause = (time, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, time);
    signal?.addEventListener('abort', () => (clearTimeout(timer), done(undefined)), { once: true });
  });

/**
 * Sends a request. All requests are safe to repeat: creates and borrows have an `Idempotency-Key`, and others do no
 * harm a second time. Repeats a request whose outcome is unknown or that is still in progress, and a read if the
 * service is busy.
 * @param {string} method @param {string} to @param {Page.Options} options
 * @returns {Promise<Page.Answer>}
 */
export async function send(method, to, options = {}) {
  let wasLost = false;
  for (let count = 1; ; ) {
    const sent = { token: session.token, tenant: session.tenant };
    const answer = await attempt(method, to, options);
    const { response, problem } = answer;
    if (!problem) {
      const version = response.headers.get('X-Resource-Version') ?? '';
      if (method !== 'GET') written = { version, until: Date.now() + OWN_WRITE_IS_NEW };
      // A proxy that compresses answers makes tags weak. These tags name a version, not its bytes.
      const etag = (response.headers.get('ETag') ?? '').replace(/^W\//, '');
      return { data: answer.data, etag, version, response };
    }
    if (!options.isQuiet && (await identify(problem, sent))) continue;
    wasLost ||= problem.isLost;
    problem.wasLost = wasLost;
    const isBusy = [429, 503].includes(problem.status) && method === 'GET';
    const isRepeated = problem.isLost || isBusy || problem.code === 'in_progress';
    if (!isRepeated || count >= ATTEMPTS || options.isStream) throw problem;
    await pause(Math.max(problem.wait * 1000, 500 * 2 ** count), options.signal);
    options.signal?.throwIfAborted();
    count += 1;
  }
}

/** @param {string} to @param {Page.Options} [options] */
export const get = (to, options) => send('GET', to, options);
