import { request } from '/assets/purchase.js';
import { due, reduce } from '/assets/state.js';
import { screenOf } from '/assets/view.js';
import { iso, lost, no, noon, ok, order, play, signedIn } from './events.js';
import { equal } from './run.js';

const bought = (s = signedIn()) => play(s, [2, 'buy', { key: 'k-1' }]);
const keyOf = (s) => request(s).headers['Idempotency-Key'];
const busy = (more) => no(503, 'busy', {}, { retryAfter: 1000, ...more });

export const tests = {
  'a purchase becomes an order'() {
    const s = play(bought(), [3, 'purchase', ok(order())]);
    equal([s.purchase, s.order.id, screenOf(s, 3000)], [null, 'o-1', 'held']);
  },
  'the first try has no key, so that Nginx may answer sold out'() {
    equal(request(bought()), { body: { quantity: 1 }, headers: {} });
  },
  'what is lost is sent again unchanged, with the key'() {
    const s = play(bought(), [3, 'purchase', lost]);
    equal(request(s), { body: { quantity: 1 }, headers: { 'Idempotency-Key': 'k-1' } });
    equal(due(s).purchase > 3000, true);
    equal(screenOf(s, 3000), 'buying');
  },
  'every failure is sent again': () => {
    for (const a of [lost, busy(), no(500, 'internal'), no(502, 'node-unreachable'), no(503, 'outcome-unknown'), no(504, 'status-504'), no(408, 'request-timeout'), no(429, 'rate-limited')]) {
      const s = play(bought(), [3, 'purchase', a]);
      equal([s.purchase?.step, due(s).purchase >= 3000 + a.retryAfter, s.notice], ['send', true, null], a.code);
    }
  },
  'busy promises that nothing was ordered, unless a node was asked before'() {
    equal(keyOf(play(bought(), [3, 'purchase', busy()])), undefined);
    equal(keyOf(play(bought(), [3, 'purchase', busy({ retried: true })])), 'k-1');
    equal(keyOf(play(bought(), [3, 'purchase', lost], [5, 'purchase', busy()])), 'k-1');
  },
  'tries get rarer, are spread, and heed Retry-After'() {
    let s = bought(), pauses = [];
    for (let i = 0; i < 12; i++) {
      const at = 10 + i * 20, next = { type: 'purchase', at: at * 1000, answer: busy() };
      pauses.push(due(reduce(s, { ...next, random: 1 })).purchase - at * 1000);
      equal(due(reduce(s, { ...next, random: 0 })).purchase - at * 1000, 1200);
      s = reduce(s, { ...next, random: 0.5 });
    }
    equal(pauses.slice(0, 6), [1700, 2200, 3200, 5200, 9200, 11200]);
  },
  'sold out is shown after the order was asked for, by all within three seconds'() {
    const at = (random) => due(reduce(bought(), { type: 'purchase', at: 3000, random, answer: no(409, 'sold-out') })).order;
    equal([at(0), at(1)], [3000, 6000]);
    const s = play(bought(), [3, 'purchase', no(409, 'sold-out')], [5, 'order', no(404, 'order-unknown')]);
    equal([s.purchase, s.notice.code, s.order], [null, 'sold-out', null]);
  },
  'after a lost answer orders/mine is asked before sold out is shown'() {
    for (const first of [[3, 'purchase', lost], [3, 'purchase', busy({ retried: true })], [3, 'purchase', no(503, 'outcome-unknown')]]) {
      const s = play(bought(), first, [5, 'purchase', no(409, 'sold-out')]);
      equal([screenOf(s, 5000), s.notice, due(s).order, due(s).purchase], ['buying', null, 5000, undefined]);
      const found = play(s, [6, 'order', ok(order())]);
      equal([screenOf(found, 6000), found.notice], ['held', null]);
      const none = play(s, [6, 'order', no(404, 'order-unknown')]);
      equal([none.purchase, none.notice.code], [null, 'sold-out']);
      equal(screenOf(play(s, [6, 'order', lost]), 6000), 'buying');
    }
  },
  'an answer that a second node gave is not believed either'() {
    for (const code of ['sold-out', 'not-enough']) {
      const s = play(bought(), [3, 'purchase', no(409, code, { remaining: 0 }, { retried: true })]);
      equal([s.purchase.step, s.notice], ['ask', null]);
    }
  },
  'not enough: the number falls to what is left'() {
    const s = play(signedIn(), [1, 'quantity', { quantity: 4 }], [2, 'buy', { key: 'k' }], [3, 'purchase', no(409, 'not-enough', { remaining: 2 })], [5, 'order', no(404, 'order-unknown')]);
    equal([s.quantity, s.notice.code], [2, 'not-enough']);
  },
  'an order of another number is shown'() {
    const s = play(bought(), [3, 'purchase', no(409, 'already-ordered')], [4, 'order', ok(order({ quantity: 3 }))]);
    equal([s.order.quantity, s.notice.code], [3, 'already-ordered']);
  },
  'who is late keeps asking, by Retry-After'() {
    const s = play(bought(signedIn({ admission: 'line', line: { front: 9, rate: 1 } }, { place: { position: 7, token: 't' } })), [3, 'purchase', no(403, 'not-your-turn', { position: 7, front: 9, ahead: 5 }, { retryAfter: 8000 })]);
    equal([s.purchase.late, due(s).purchase >= 11000, request(s).headers['Onsale-Place']], [5, true, 't']);
  },
  'whose turn has not come waits on'() {
    const s = play(bought(signedIn({ admission: 'line', line: { front: 9, rate: 1 } }, { place: { position: 7, token: 't' } })), [3, 'purchase', no(403, 'not-your-turn', { position: 17, front: 9 })]);
    equal([s.purchase, screenOf(s, 3000), s.notice.code], [null, 'waiting', 'not-your-turn']);
  },
  'who has no valid place joins again'() {
    const s = play(bought(signedIn({ admission: 'pass' }, { place: { place: '1', token: 'old' } })), [3, 'purchase', no(403, 'place-required')]);
    equal([s.place, screenOf(s, 3000), s.notice.code], [null, 'join', 'place-required']);
  },
  'who is signed out meanwhile buys on after signing in'() {
    let s = play(bought(), [3, 'purchase', no(401, 'unauthorized')], [4, 'session', no(401, 'unauthorized', { sign_in: '/in' })]);
    equal([screenOf(s, 4000), due(s).purchase], ['sign-in', undefined]);
    s = play(s, [5, 'session', { answer: ok({ buyer: 'alice', expires_at: iso(3600) }), stored: { pending: { quantity: 2, key: 'k-1', started: noon + 2000 } } }]);
    equal([s.purchase.step, s.purchase.quantity], ['ask', 2]);
  },
  'nobody gets the purchase of another buyer'() {
    const s = play(bought(), [3, 'purchase', no(401, 'unauthorized')], [5, 'session', { answer: ok({ buyer: 'bob', expires_at: iso(3600) }), stored: {} }]);
    equal([s.purchase, s.place], [null, null]);
  },
  'after a reload the order is asked for, and then the purchase sent again with its key'() {
    const pending = { quantity: 2, key: 'k-1', started: noon };
    const s = signedIn({}, { pending }); // whose orders/mine has no order
    equal([s.purchase.step, request(s)], ['send', { body: { quantity: 2 }, headers: { 'Idempotency-Key': 'k-1' } }]);
    equal(due(s).order, undefined); // not while it is sent
  },
  'what was asked before an answer takes nothing back that the answer gave'() {
    const none = { answer: no(404, 'order-unknown'), id: 'mine', asked: 2500 };
    equal(screenOf(play(bought(), [3, 'purchase', ok(order())], [4, 'order', none]), 4000), 'held');
    const given = play(bought(), [3, 'purchase', ok(order())], [4, 'cancel'], [5, 'release'], [6, 'cancelled', ok(order({ state: 'cancelled' }))]);
    equal(screenOf(play(given, [7, 'order', { answer: ok(order()), id: 'o-1', asked: 5500 }]), 7000), 'cancelled');
    const refused = play(bought(), [3, 'purchase', no(409, 'sold-out', {}, { retried: true })], [4, 'order', none]);
    equal([screenOf(refused, 4000), due(refused).order], ['buying', 3000]);
    equal(screenOf(play(refused, [5, 'order', { ...none, asked: 4000 }]), 5000), 'buy');
  },
  'a purchase of long ago is not sent again'() {
    equal(signedIn({}, { pending: { quantity: 2, key: 'k-1', started: noon - 120000 } }).purchase, null);
  },
  'other refusals are shown'() {
    for (const [status, code] of [[403, 'hold-limit'], [403, 'not-open'], [410, 'closed'], [422, 'quantity-limit'], [404, 'sale-unknown'], [418, 'status-418']]) {
      const s = play(bought(), [3, 'purchase', no(status, code)]);
      equal([s.purchase, s.notice.code], [null, code]);
    }
  },
  'an answer that comes after the buyer gave up changes nothing'() {
    const s = play(bought(), [3, 'stop'], [4, 'purchase', no(409, 'sold-out')]);
    equal([s.purchase, s.notice], [null, null]);
    equal(due(play(bought(), [3, 'stop'])).order, 4000);
    equal(due(play(bought(), [3, 'stop'], [3.5, 'purchase', ok(order())])).order, 3500);
  },
};
