// The buyer's order: looking it up, following a hold until it is paid or ends, giving it back.

import { later, passing, signedOut } from './api.js';

const never = Infinity, second = 1000;
const live = (o) => o?.state === 'held' || o?.state === 'paid';

export const which = (s) => (s.purchase ? 'mine' : live(s.order) ? s.order.id : s.lookup);

// got takes in an order. A hold is paid elsewhere, or lapses, so it is looked at again.
export function got(s, e) {
	const o = e.answer.doc;
	s = { ...s, order: o, known: true, changed: e.at, remembered: null, lookup: 'mine', orderTries: 0, sessionTries: 0, saleAt: e.at };
	if (o.state !== 'held') return { ...s, cancel: null, orderAt: never };
	const wait = (s.paying ? 3 : 10) * second * (0.75 + e.random / 2);
	const left = Date.parse(o.expires_at) - (e.at + s.offset);
	return { ...s, orderAt: e.at + (left > 0 ? Math.min(wait, left + second) : 2 * second) };
}

// found takes in the answer to a look-up.
export function found(s, e) {
	const a = e.answer;
	if (!a.code) return got(s, e);
	if (passing(a)) return { ...s, orderTries: s.orderTries + 1, orderAt: later(e, s.orderTries) };
	if (a.code === 'unauthorized') return signedOut(s, e);
	s = { ...s, known: true, lookup: 'mine', orderAt: never, orderTries: 0, sessionTries: 0 };
	// Of an order that this browser has seen live and that is not any more, its end is shown.
	if (s.remembered && e.id === 'mine') return { ...s, known: false, lookup: s.remembered, remembered: null, orderAt: e.at };
	return live(s.order) ? { ...s, order: null } : s;
}

export const orders = {
	paying: (s, e) => ({ ...s, paying: true, orderAt: e.at + 3 * second }),
	dismiss: (s) => ({ ...s, order: null, remembered: null, notice: null, orderAt: never, paying: false }),
	cancel: (s) => ({ ...s, cancel: {}, notice: null }),
	keep: (s) => ({ ...s, cancel: null }),
	release: (s, e) => ({ ...s, cancel: { tries: 0, at: e.at } }),
	cancelled(s, e) {
		const a = e.answer, c = s.cancel;
		if (!c) return s;
		if (!a.code) return got({ ...s, cancel: null }, e);
		if (passing(a)) return { ...s, cancel: { tries: c.tries + 1, at: later(e, c.tries), code: a.code } };
		if (a.code === 'unauthorized') return signedOut({ ...s, cancel: null }, e);
		return { ...s, cancel: null, notice: { code: a.code, doc: a.doc }, orderAt: e.at };
	},
};
