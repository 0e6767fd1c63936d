import { which } from '/assets/order.js';
import { due, initial, reduce } from '/assets/state.js';
import { screenOf } from '/assets/view.js';
import { iso, lost, no, ok, order, play, sale, signedIn } from './events.js';
import { equal } from './run.js';

const line = { admission: 'line', line: { joined: 9, front: 0, rate: 100 } };
const draw = { ...line, state: 'scheduled', opens_at: iso(300), draw_at: iso(100) };

export const tests = {
  'a page begins with the sale and the session': () => equal(Object.keys(due(initial)), ['sale', 'session']),
  'the reducer changes no state that it was given'() {
    const freeze = (o) => (Object.values(o).forEach((v) => v && typeof v === 'object' && freeze(v)), Object.freeze(o));
    const s = freeze(signedIn(line));
    play(s, [2, 'join'], [3, 'joined', ok({ place: '7', position: 7, front: 1, joined: 10, token: 't' })], [4, 'quantity', { quantity: 3 }], [5, 'buy', { key: 'k' }]);
  },
  'nobody is signed in: where to sign in is known'() {
    const s = play(initial, [1, 'sale', ok({ ...sale, server_time: iso(1) })], [2, 'session', no(401, 'unauthorized', { sign_in: '/in' })]);
    equal([s.signIn, screenOf(s, 2000), due(s).session], ['/in', 'sign-in', undefined]);
  },
  'a session that the API refuses is asked for again, more and more rarely'() {
    let s = signedIn(), pauses = [];
    for (let at = 10; at < 2000; at += 200) {
      s = play(s, [at, 'cancel'], [at, 'release'], [at, 'cancelled', no(401, 'unauthorized')]);
      pauses.push(due(s).session - at * 1000);
    }
    equal(pauses, [250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
  },
  'joining: place, then position'() {
    const s = play(signedIn(line), [2, 'join'], [3, 'joined', ok({ place: '7', position: 7, front: 1, joined: 10, token: 't' }, { status: 201 })]);
    equal([s.place, s.front, s.joined, screenOf(s, 3000), s.notice], [{ place: '7', position: 7, token: 't' }, 1, 10, 'waiting', null]);
  },
  'who joins again is shown that the place is the same'() {
    const s = play(signedIn(line), [2, 'join'], [3, 'joined', ok({ place: '7', position: 7, token: 't' })]);
    equal(s.notice.code, 'kept');
  },
  'joining with work: challenge, solution, join'() {
    let s = play(signedIn(line), [2, 'join'], [3, 'joined', no(403, 'proof-required', { challenge: '/c' })]);
    equal(due(s).challenge, 3000);
    s = play(s, [4, 'challenge', ok({ salt: 'x' })]);
    equal([due(s).solve, s.join.challenge], [3000, { salt: 'x' }]);
    s = play(s, [5, 'solved', { proof: 'p' }]);
    equal([due(s).join, s.join.proof], [5000, 'p']);
    s = play(s, [6, 'joined', lost]);
    equal([s.join.proof, due(s).join > 6000], ['p', true]);
  },
  'wrong proofs end after some tries'() {
    let s = play(signedIn(line), [2, 'join']);
    for (let i = 3; s.join && i < 20; i++) s = play(s, [i, 'joined', no(403, 'proof-wrong', { challenge: '/c' })]);
    equal([s.join, s.notice.code], [null, 'proof-wrong']);
  },
  'a worker that solves nothing is given up'() {
    let s = play(signedIn(line), [2, 'join'], [3, 'joined', no(403, 'proof-required', { challenge: '/c' })]);
    for (let i = 4; s.join && i < 20; i++) s = play(s, [i, 'challenge', ok({ salt: 'x' })], [i, 'solved', { proof: null }]);
    equal([s.join, s.notice.code], [null, 'proof-wrong']);
  },
  'who is signed out is shown it, once signed in before'() {
    const s = play(signedIn(), [2, 'session', no(401, 'unauthorized', { sign_in: '/in' })]);
    equal([s.notice.code, screenOf(s, 2000)], ['unauthorized', 'sign-in']);
    equal(play(initial, [2, 'session', no(401, 'unauthorized')]).notice, null);
  },
  'what was refused is no longer shown once the sale is in another phase'() {
    const s = play(signedIn(), [2, 'buy', { key: 'k' }], [3, 'purchase', no(409, 'sold-out')], [3, 'order', no(404, 'order-unknown')], [4, 'sale', ok({ ...sale, state: 'sold-out' })]);
    equal([s.notice, screenOf(s, 4000)], [null, 'sold-out']);
  },
  'a captcha can not be solved here'() {
    equal(play(signedIn(line), [2, 'join'], [3, 'joined', no(403, 'proof-required')]).notice.code, 'proof-required');
  },
  'after the draw the position is asked for, spread over 45 seconds'() {
    const s = signedIn(draw, { place: { place: 'd', token: 't' } });
    equal([s.join, screenOf(s, 1000)], [null, 'drawing']);
    const doc = { ...sale, ...draw, line: { ...draw.line, drawn: 9, seed: 'ff' }, server_time: iso(101) };
    const at = (random) => due(reduce(s, { type: 'sale', at: 101000, random, answer: ok(doc) })).join;
    equal([at(0), at(1), screenOf(reduce(s, { type: 'sale', at: 101000, random: 0, answer: ok(doc) }), 101000)], [102000, 147000, 'drawing']);
  },
  'the turn comes by the front'() {
    const s = signedIn(line, { place: { place: '7', position: 7, token: 't' } });
    const front = (n, state = 'on-sale') => screenOf(play(s, [2, 'sale', ok({ ...sale, ...line, state, line: { front: n } })]), 2000);
    equal([front(6), front(7), front(7, 'sold-out'), front(6, 'sold-out')], ['waiting', 'turn', 'next', 'waiting']);
  },
  'a hold is followed until it ends, and asked for by its id'() {
    let s = play(signedIn(), [2, 'buy', { key: 'k' }], [3, 'purchase', ok(order({ expires_at: iso(20) }))]);
    equal([which(s), due(s).order], ['o-1', 13000]);
    s = play(s, [13, 'order', { answer: ok(order({ expires_at: iso(20) })), id: 'o-1' }]);
    equal(due(s).order, 21000);
    s = play(s, [21, 'order', { answer: ok(order({ state: 'expired' })), id: 'o-1' }]);
    equal([screenOf(s, 21000), due(s).order, which(s)], ['expired', undefined, 'mine']);
    equal(screenOf(play(s, [22, 'look'], [23, 'order', { answer: no(404, 'order-unknown'), id: 'mine' }]), 23000), 'expired');
    equal(screenOf(play(s, [22, 'dismiss']), 22000), 'buy');
  },
  'how an order ended that this browser had is shown after a reload'() {
    let s = signedIn({}, { order: 'o-1' });
    equal([which(s), screenOf(s, 1000)], ['o-1', 'loading']);
    equal(screenOf(play(s, [2, 'order', { answer: ok(order({ state: 'refunded' })), id: 'o-1' }]), 2000), 'refunded');
    s = play(s, [2, 'order', { answer: no(404, 'order-unknown'), id: 'o-1' }]);
    equal([screenOf(s, 2000), due(s).order], ['buy', undefined]);
  },
  'an order is given back once, and again after a lost answer'() {
    let s = play(signedIn(), [2, 'buy', { key: 'k' }], [3, 'purchase', ok(order())], [4, 'cancel']);
    equal([screenOf(s, 4000), due(s).cancel], ['giving', undefined]);
    equal(screenOf(play(s, [5, 'keep']), 5000), 'held');
    s = play(s, [5, 'release'], [6, 'cancelled', lost]);
    equal([screenOf(s, 6000), due(s).cancel > 6000], ['giving', true]);
    equal(screenOf(play(s, [8, 'cancelled', ok(order({ state: 'cancelled' }))]), 8000), 'cancelled');
    s = play(s, [8, 'cancelled', no(409, 'not-cancellable')], [9, 'order', { answer: ok(order({ state: 'paid' })), id: 'o-1' }]);
    equal([screenOf(s, 9000), s.notice.code], ['paid', 'not-cancellable']);
  },
  'an order that another device made is found'() {
    const s = play(signedIn(), [9, 'look']);
    equal(which(s), 'mine');
    equal(screenOf(play(s, [10, 'order', { answer: ok(order({ state: 'paid' })), id: 'mine' }]), 10000), 'paid');
  },
  'whoever is back online asks at once'() {
    let s = signedIn();
    for (let at = 10; at < 70; at += 10) s = play(s, [at, 'sale', lost]);
    equal([s.lost, due(s).sale > 62000], [true, true]);
    s = play(s, [61, 'look']);
    equal([due(s).sale < 61500, due(s).order < 61500], [true, true]);
  },
  'a sale that is not there is asked for rarely'() {
    const s = play(initial, [1, 'sale', no(404, 'sale-unknown')]);
    equal([screenOf(s, 1000), due(s).sale], ['unreachable', 31000]);
  },
};
