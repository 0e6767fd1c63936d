// The line: what a buyer can compute from the public document and the own position.

import { clockOf } from './clock.js';

const second = 1000, longest = 300 * second, near = 3 * second;

export function phase(s, at) {
	const { sale } = s, now = clockOf(s, at);
	if (sale.state === 'scheduled' && now >= Date.parse(sale.opens_at)) return 'on-sale';
	if (sale.state !== 'closed' && sale.closes_at && now >= Date.parse(sale.closes_at)) return 'closed';
	return sale.state;
}

export const lined = (s) => s.sale.admission === 'pass' || s.sale.admission === 'line';
export const inTurns = (s) => s.sale.admission === 'line';
export const ahead = (s) => Math.max(0, s.place.position - s.front - 1);
export const isTurn = (s) => s.place.position <= s.front;

// advance takes in how far the front is. It never falls, whatever cache an answer comes from.
export function advance(s, line, at) {
	if (!line) return s;
	const front = Math.max(s.front, line.front || 0), joined = Math.max(s.joined, line.joined || 0);
	// The fastest pace that was seen over some seconds.
	let { pace, mark } = s;
	if (!mark) mark = { at, front };
	else if (at - mark.at >= 5 * second) {
		pace = Math.max(pace, ((front - mark.front) / (at - mark.at)) * second);
		mark = { at, front };
	}
	return { ...s, front, joined, pace, mark };
}

// soonest is the least time until the turn, in ms. It is by the highest pace, so it only gets shorter.
export function soonest(s, at) {
	const opens = Math.max(0, Date.parse(s.sale.opens_at) - clockOf(s, at)) || 0;
	return opens + ((ahead(s) + 1) / Math.max(1, s.sale.line.rate || 0, s.pace)) * second;
}

// settled reports whether drawn positions can be asked for.
export const settled = ({ sale }) => !sale.draw_at || Boolean(sale.line?.seed);

// pause is the wait before the sale is asked for again: halfway to what is awaited.
export function pause(s, at, random) {
	const { sale } = s, now = clockOf(s, at), jitter = 0.75 + random / 2;
	const until = (time) => Math.max(0, Date.parse(time) - now);
	const bounded = (wait, least) => Math.min(Math.max(wait, least), longest) * jitter;
	if (s.samples < 3) return bounded(4 * second, 0); // a better reading of the clock
	if (s.order || s.purchase) return bounded(60 * second, 0);
	switch (phase(s, at)) {
		case 'closed':
			return bounded(longest, 0);
		case 'scheduled':
			if (!s.place) return bounded(until(sale.opens_at) / 2, 10 * second);
			// Those who were drawn ask within 45 seconds, not at once.
			if (!settled(s)) return Math.min(longest, Math.max(near, until(sale.draw_at) + random * 45 * second));
	}
	if (!inTurns(s)) return bounded(15 * second, 0);
	if (!s.place?.position) return bounded(10 * second, 0);
	return askAgain(ahead(s) + 1, sale.line.rate, until(sale.opens_at) || 0, random);
}

// askAgain is AskAgain of internal/line. The front rests before the opening.
function askAgain(places, rate, opening, random) {
	const due = places / Math.max(1, rate || 0); // in so many seconds, by the rate
	const seconds = due <= 5 ? 0.75 : Math.max(3, Math.min(due / 2, due / 10 + 20));
	return Math.min(opening + seconds * second, longest) * (1 - random / 4);
}
