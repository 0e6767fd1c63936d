// Events and answers for tests of the reducer.

import { initial, reduce } from '/assets/state.js';

export const noon = Date.parse('2026-06-12T12:00:00Z');
export const iso = (seconds) => new Date(noon + seconds * 1000).toISOString();

export const ok = (doc, more) => ({ status: 200, doc, code: '', age: 0, retryAfter: 0, retried: false, lost: false, ...more });
export const no = (status, code, doc, more) => ({ ...ok({ ...doc, code }), status, code, ...more });
export const lost = { ...ok({}), status: 0, code: 'lost', lost: true };

export const sale = { id: 'demo', title: 'Demo', kind: 'ticket', price: 4200, currency: 'EUR', limit: 4, state: 'on-sale', opens_at: iso(-60) };

// play reduces events, each at a second of the page's life.
export const play = (state, ...events) =>
  events.reduce((s, [second, type, more]) => reduce(s, { type, at: second * 1000, random: 0.5, ...(more?.code === undefined ? more : { answer: more }) }), state);

export const order = (more) => ({ id: 'o-1', state: 'held', quantity: 1, amount: 4200, currency: 'EUR', expires_at: iso(600), ...more });

// signedIn is a page with a sale and a buyer who has no order, one second old, whose server's clock is at noon plus its age.
export const signedIn = (doc, stored) =>
  play(
    initial,
    [1, 'sale', ok({ ...sale, ...doc, server_time: iso(1) })],
    [1, 'session', { answer: ok({ buyer: 'alice', expires_at: iso(3600) }), stored: { place: null, order: null, ...stored } }],
    [1, 'order', { answer: no(404, 'order-unknown'), id: 'mine' }],
  );
