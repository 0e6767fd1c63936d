// What the page knows, as a pure reducer: state × event → state. Time (`at`, of performance.now()) and chance (`random`) are in
// the events.

import { later, passing, signedOut } from './api.js';
import { sample } from './clock.js';
import { advance, inTurns, lined, pause, settled } from './line.js';
import { found, orders } from './order.js';
import { answered, buy, looked, resume } from './purchase.js';

const never = Infinity, second = 1000;

export const initial = {
	offset: null, samples: 0, // the server's clock
	sale: null, saleAt: 0, saleCode: '', saleTries: 0,
	session: undefined, sessionAt: 0, sessionTries: 0, signIn: '', // undefined: unknown; null: nobody
	place: null, front: 0, joined: 0, pace: 0, mark: null, join: null,
	order: null, orderAt: never, orderTries: 0, known: false, // to have an order or none
	changed: 0, // when the order might last have
	lookup: 'mine', remembered: null, cancel: null, paying: false,
	purchase: null, quantity: 1,
	notice: null, // a problem that the buyer has to know of, or what has gone well
	lost: false, // the last question got no answer
};

// due returns the times at which to ask for what.
export function due(s) {
	const t = { sale: s.saleAt };
	if (s.sessionAt < never) t.session = s.sessionAt;
	if (!s.session) return t;
	if (s.join) t[s.join.step] = s.join.at;
	if (s.cancel?.at) t.cancel = s.cancel.at;
	if (s.purchase) t[s.purchase.step === 'send' ? 'purchase' : 'order'] = s.purchase.at;
	else if (s.orderAt < never) t.order = s.orderAt;
	return t;
}

export function reduce(s, e) {
	if (e.answer) s = { ...s, lost: e.answer.lost, offset: sample(s.offset, e.answer, e.at) };
	return on[e.type](s, e);
}

const on = {
	sale(s, e) {
		const a = e.answer;
		if (a.code) {
			const wait = passing(a) ? later(e, s.saleTries) : e.at + 30 * second;
			return { ...s, saleCode: a.code, saleTries: s.saleTries + 1, saleAt: wait };
		}
		if (s.sale && s.sale.state !== a.doc.state) s = { ...s, notice: null };
		s = { ...s, sale: a.doc, saleCode: '', saleTries: 0, samples: s.samples + 1, quantity: Math.min(s.quantity, a.doc.limit) };
		s = advance(s, a.doc.line, e.at);
		s = { ...s, saleAt: e.at + pause(s, e.at, e.random) };
		return position(s, e);
	},

	session(s, e) {
		const a = e.answer;
		if (a.code === 'unauthorized') return { ...signedOut(s, e), sessionAt: never, signIn: a.doc.sign_in || '' };
		if (a.code) {
			const wait = passing(a) ? later(e, s.sessionTries) : never;
			return { ...s, session: passing(a) ? s.session : null, sessionTries: s.sessionTries + 1, sessionAt: wait };
		}
		const ends = Date.parse(a.doc.expires_at) - s.offset;
		const sessionAt = ends > e.at ? Math.min(ends, e.at + 3600 * second) : never;
		if (s.session?.buyer === a.doc.buyer) return { ...s, sessionAt };
		const { place, order, pending, join } = e.stored;
		s = { ...s, session: { buyer: a.doc.buyer }, sessionAt, place, remembered: order, order: null, known: false, lookup: 'mine', orderAt: e.at, changed: e.at };
		s = { ...s, join: null, cancel: null, purchase: null, notice: null };
		if (join && !place) s = on.join(s, e);
		return position(resume(s, { ...e, pending }), e);
	},

	// What another tab did, or what may have happened while this one was asleep.
	look(s, e) {
		const at = e.at + e.random * 300;
		s = { ...s, saleAt: Math.min(s.saleAt, at), sessionAt: e.signedIn || s.session === undefined ? at : s.sessionAt };
		if (e.place && !s.place) s = { ...s, place: e.place, join: null };
		if (s.purchase) return { ...s, purchase: { ...s.purchase, at: Math.min(s.purchase.at, at) } };
		return { ...s, orderAt: at, orderTries: 0 };
	},

	join: (s, e) => ({ ...s, notice: null, join: { step: 'join', at: e.at, tries: 0, wrong: 0 } }),
	joined(s, e) {
		const a = e.answer, j = s.join;
		if (!j) return s;
		if (!a.code) {
			s = advance({ ...s, place: { place: a.doc.place, position: a.doc.position, token: a.doc.token }, join: null }, a.doc, e.at);
			if (!j.quiet) s = { ...s, notice: a.status === 200 ? { code: 'kept' } : null };
			return position({ ...s, saleAt: e.at + second }, e);
		}
		const proof = a.code === 'proof-required' || a.code === 'proof-wrong';
		if (proof && a.doc.challenge && j.wrong < 3) return { ...s, join: { ...j, step: 'challenge', at: e.at, wrong: j.wrong + 1 } };
		return unjoined(s, e);
	},
	challenge: (s, e) => (s.join && !e.answer.code ? { ...s, join: { ...s.join, step: 'solve', challenge: e.answer.doc } } : unjoined(s, e)),
	solved(s, e) {
		const j = s.join;
		if (!j) return s;
		if (!e.proof && j.wrong > 3) return { ...s, join: null, notice: { code: 'proof-wrong' } };
		return { ...s, join: { ...j, step: e.proof ? 'join' : 'challenge', proof: e.proof, wrong: j.wrong + !e.proof, at: e.at } };
	},

	quantity: (s, e) => ({ ...s, quantity: Math.max(1, Math.min(e.quantity || 1, s.sale.limit)) }),
	buy,
	purchase: answered,
	// The buyer gives up a purchase. One that may have made an order is asked for.
	stop: (s, e) => ({ ...s, purchase: null, orderAt: e.at + second }),

	// What was asked before the last change is answered with what was before it.
	order: (s, e) => (e.asked < s.changed ? s : s.purchase?.step === 'ask' ? { ...looked(s, e), known: true } : found(s, e)),
	...orders,
};

// unjoined goes on with a join that failed in passing, and ends any other.
function unjoined(s, e) {
	const a = e.answer, j = s.join;
	if (!j) return s;
	if (passing(a)) return { ...s, join: { ...j, at: later(e, j.tries), tries: j.tries + 1 } };
	if (a.code === 'unauthorized') return signedOut({ ...s, join: null }, e);
	return { ...s, join: null, notice: j.quiet ? s.notice : { code: a.code, doc: a.doc }, saleAt: e.at };
}

function position(s, e) {
	const { sale, place } = s;
	if (!sale || !place || place.position || s.join || !lined(s) || !inTurns(s) || !settled(s)) return s;
	const left = Date.parse(sale.opens_at) - (e.at + s.offset) - 10 * second;
	return { ...s, join: { step: 'join', quiet: true, tries: 0, wrong: 0, at: e.at + second + e.random * Math.max(2 * second, Math.min(45 * second, left)) } };
}
