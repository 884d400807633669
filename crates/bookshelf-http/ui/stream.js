// Event streams by `fetch`: an `EventSource` cannot send the headers that name the caller.

import { Problem, pause, send } from './api.js';

/** Three heartbeats. A connection that is silent for longer is dead. */
const SILENCE = 45_000;
const LONGEST_WAIT = 15_000;
/** The pause before a new list. */
const CALM = 1_000;

/** Splits the text of a stream into its messages. */
async function* messages(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const message = {};
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) message[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
      }
      yield message;
    }
  }
}

const shown = (signal) =>
  new Promise((done) => {
    const look = () => (!document.hidden || signal.aborted) && done(undefined);
    document.addEventListener('visibilitychange', look, { signal });
    signal.addEventListener('abort', look, { once: true });
    look();
  });

/**
 * Follows the changes of a list after its version, until the signal, or until the list must be read again (`reset`). A
 * hidden page has no stream: browsers allow few connections per host.
 * @param {string} to @param {string} version
 * @param {{on: (event: string, item: any, id: string) => void, reset: () => void, signal: AbortSignal, query?: Page.Query,
 *   state?: (state: 'live' | 'waiting' | 'hidden' | 'refused') => void}} options
 */
export async function follow(to, version, { on, reset, signal, query = {}, state = (_state) => {} }) {
  let id = version;
  let wait = 500;
  while (!signal.aborted) {
    await shown(signal);
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const hide = () => document.hidden && stop.abort();
    document.addEventListener('visibilitychange', hide, { signal: either });
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), SILENCE);
    };
    try {
      const headers = { Accept: 'text/event-stream', 'Last-Event-ID': id };
      const { response } = await send('GET', to, { query, headers, signal: either, isStream: true });
      state('live');
      alive();
      for await (const message of messages(response.body, alive)) {
        wait = 500;
        if (message.event === 'reset') {
          stop.abort();
          await pause(CALM, signal);
          return signal.aborted ? undefined : reset();
        }
        if (message.id) id = message.id;
        if (message.event) on(message.event, JSON.parse(message.data), id);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status >= 400 && error.status < 429) return state('refused');
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
    if (signal.aborted) return;
    state(document.hidden ? 'hidden' : 'waiting');
    if (!document.hidden) await pause(wait * (0.5 + Math.random()), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}
