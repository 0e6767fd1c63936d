// A purchase is sent again, unchanged, until its outcome is known. After an answer that may hide an order it carries a key, and
// nobody is shown "sold out" before orders/mine was asked.

import { later, passing, signedOut } from './api.js';
import { advance } from './line.js';
import { got } from './order.js';

// certain are the refusals that pass and promise that nothing was ordered.
const certain = ['busy', 'store-unavailable', 'rate-limited'];
const short = ['sold-out', 'not-enough'];

// stale is after how long a purchase is no longer sent that a closed page left behind: its buyer may have gone.
const stale = 60000;

export const buy = (s, e) => ({
	...s,
	order: null,
	notice: null,
	changed: e.at,
	purchase: { step: 'send', quantity: s.quantity, key: e.key, since: e.at, started: e.at + s.offset, at: e.at, tries: 0, unsure: false },
});

// resume takes up what a page of before had sent: its order is asked for first.
export function resume(s, e) {
	const p = e.pending;
	return p ? { ...s, quantity: p.quantity, purchase: { ...p, step: 'ask', since: e.at, at: e.at, tries: 0, unsure: true, refusal: null } } : s;
}

// request is what is sent.
export const request = (s) => ({
	body: { quantity: s.purchase.quantity },
	headers: { ...(s.purchase.unsure && { 'Idempotency-Key': s.purchase.key }), ...(s.place && { 'Onsale-Place': s.place.token }) },
});

const stop = (s, notice) => ({ ...s, purchase: null, notice });
const again = (s, e, more) => ({ ...s, purchase: { ...s.purchase, tries: s.purchase.tries + 1, at: later(e, s.purchase.tries), code: e.answer.code, ...more } });

// answered takes in the answer to a purchase.
export function answered(s, e) {
	const a = e.answer, p = s.purchase;
	if (!p) return a.code ? s : { ...s, orderAt: e.at };
	if (!a.code) return got(stop(s, null), e);
	const unsure = p.unsure || a.retried || (passing(a) && !certain.includes(a.code));
	if (passing(a)) return again(s, e, { unsure });
	const refusal = { code: a.code, doc: a.doc };
	// Browsers send a request again by themselves if a connection breaks. So the order is always asked for, by and by.
	if (a.code === 'already-ordered' || short.includes(a.code)) {
		return { ...s, changed: e.at, purchase: { ...p, step: 'ask', at: e.at + (unsure ? 0 : e.random * 3000), tries: 0, unsure: true, refusal } };
	}
	switch (a.code) {
		case 'unauthorized':
			return signedOut(s, e);
		case 'not-your-turn':
			s = advance(s, a.doc, e.at);
			if (a.doc.position) s = { ...s, place: { ...s.place, position: a.doc.position } };
			// Who is late keeps asking; for all others the line goes on.
			if (a.doc.ahead !== undefined) return again(s, e, { unsure, late: a.doc.ahead, tries: 0 });
			return { ...stop(s, refusal), saleAt: e.at + a.retryAfter };
		case 'place-required':
			return { ...stop(s, refusal), place: null };
	}
	return { ...stop(s, refusal), saleAt: e.at };
}

export function looked(s, e) {
	const a = e.answer, p = s.purchase;
	if (!a.code) return got(stop(s, p.refusal?.code === 'already-ordered' ? p.refusal : null), e);
	if (passing(a)) return again(s, e);
	if (a.code === 'unauthorized') return signedOut(s, e);
	if (a.code !== 'order-unknown') return stop(s, { code: a.code, doc: a.doc });
	if (p.refusal && p.refusal.code !== 'already-ordered') {
		const left = p.refusal.doc.remaining || s.quantity;
		return { ...stop(s, p.refusal), quantity: Math.max(1, Math.min(s.quantity, left)), saleAt: e.at };
	}
	// There is no order, though perhaps not yet.
	if (s.offset !== null && e.at + s.offset - p.started > stale && !p.refusal) return stop(s, null);
	return { ...s, purchase: { ...p, step: 'send', refusal: null, at: e.at, tries: 0 } };
}
