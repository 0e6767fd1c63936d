// What is shown for a state, as plain data: which screen, its texts and its controls. render.js brings it into the page.

import { clockOf } from './clock.js';
import { ahead, inTurns, isTurn, lined, phase, soonest } from './line.js';
import { digits } from './words.js';

// screenOf names what the buyer is concerned with now.
export function screenOf(s, at) {
	if (!s.sale) return s.saleCode ? 'unreachable' : 'loading';
	const now = phase(s, at);
	if (s.session) {
		if (s.purchase) return 'buying';
		if (s.order) return s.cancel ? 'giving' : s.order.state;
	}
	if (now === 'closed') return 'closed';
	if (s.session === undefined || (s.session && !s.known)) return now === 'scheduled' && !lined(s) ? 'countdown' : 'loading';
	if (lined(s)) {
		if (s.join && !s.join.quiet) return 'joining';
		if (!s.session || !s.place) return 'join';
		if (inTurns(s) && !s.place.position) return 'drawing';
		if (inTurns(s) && !isTurn(s)) return 'waiting';
		if (inTurns(s)) return now === 'sold-out' ? 'next' : 'turn';
	}
	if (now === 'scheduled') return 'countdown';
	if (now === 'sold-out') return 'sold-out';
	return s.session ? 'buy' : 'sign-in';
}

// viewOf returns everything that changes on the page.
export function viewOf(s, at, w) {
	const screen = screenOf(s, at), v = { screen, lost: s.lost && screen !== 'loading', facts: [], note: '', announce: screen, signedIn: s.session };
	if (s.sale) head(v, s, w, at);
	const values = (screens[screen] || (() => ({})))(v, s, w, at) || {};
	v.headline ??= w.text(`screens.${screen}.0`, values);
	v.text ??= w.text(`screens.${screen}.1`, values);
	if (s.notice && !s.purchase && !over(s.notice.code, screen)) v.notice = notice(s.notice, s, w);
	if (v.notice) v.announce += s.notice.code;
	v.title = s.sale ? `${v.headline} · ${s.sale.title}` : v.headline;
	return v;
}

// over reports whether a notice repeats what is shown anyway, or is no longer so.
const over = (code, screen) => code === screen || { 'sold-out': screen === 'next', 'not-your-turn': screen !== 'waiting', kept: !/waiting|drawing/.test(screen) }[code];

function head(v, s, w, at) {
	const { sale } = s;
	v.heading = sale.title;
	v.subtitle = sale.subtitle;
	v.phase = phase(s, at);
	v.phaseText = w.text(`phase.${v.phase}`);
	v.rules = sale.rules;
	const fact = (name, value) => v.facts.push([w.text(name), value]);
	fact('price', sale.price ? w.money(sale.price, sale.currency) : w.text('free'));
	if (sale.face_value) fact('worth', w.money(sale.face_value, sale.currency));
	if (v.phase === 'scheduled') fact('opens', w.date(sale.opens_at));
	else if (sale.closes_at) fact('closes', w.date(sale.closes_at));
	fact('limit', w.text('up-to', { things: w.things(sale.kind, sale.limit) }));
	if (sale.lapses) v.lapses = w.text('lapses', { n: w.number(sale.lapses) });
	if (inTurns(s)) v.fair = w.text(sale.draw_at ? 'fair-draw' : 'fair-turn') + (sale.line?.commitment ? ' ' + w.text('fair-proof', sale.line) : '');
}

function notice(n, s, w) {
	if (n.code === 'kept') return { good: true, parts: w.text('kept').split('|') };
	const { remaining } = n.doc || {};
	return { parts: w.problem(n.code, { limit: w.number(s.sale?.limit || 1), left: remaining && w.things(s.sale.kind, remaining) }) };
}

const act = (w, name, values) => ({ act: name, text: w.text(`acts.${name}`, values) });
const link = (w, name, href, values) => ({ href, ...act(w, name, values) });

const thingsOf = (s, w, n) => w.things(s.sale.kind, n);

// figure shows time that runs down, and announces it at a few moments.
function figure(v, left, label, marks, w) {
	const d = digits(left);
	v.figure = { value: d.text, days: d.days ? w.text('days', { n: w.span(d.days * 86400000, true) }) : '', iso: d.iso, label };
	const mark = marks.find((m) => left <= m * 1000);
	if (mark) v.announce += mark;
	v.left = mark ? w.span(mark * 1000) : w.span(left);
}

function signIn(v, s, w, name) {
	if (s.session !== null) return;
	if (s.signIn) v.primary = link(w, name, s.signIn);
	else v.note = w.text('sign-in-elsewhere');
}

// ordered is for who may have an order, though nothing can be bought now.
function ordered(v, s, w) {
	if (s.session !== null || !s.signIn) return;
	v.primary = link(w, 'sign-in-early', s.signIn);
	v.note = w.text('ordered');
}

function opening(v, s, w, at) {
	if (phase(s, at) === 'scheduled') figure(v, Date.parse(s.sale.opens_at) - clockOf(s, at), w.text('until-open'), [10, 60, 300, 600], w);
}

function choose(v, s, w) {
	const n = s.quantity, values = { things: thingsOf(s, w, n), amount: w.money(s.sale.price * n, s.sale.currency) };
	v.quantity = { n, limit: s.sale.limit };
	if (s.sale.price && s.sale.hold_seconds) v.note = w.text('hold', { time: w.span(s.sale.hold_seconds * 1000) });
	v.primary = act(w, s.sale.price ? 'buy' : 'take', values);
}

const screens = {
	closed(v, s, w) {
		[v.headline, v.text] = w.problem('closed');
		ordered(v, s, w);
	},
	'sold-out': ordered,
	unreachable: (v, s, w) => ([v.headline, v.text] = w.problem(s.saleCode)),
	countdown(v, s, w, at) {
		opening(v, s, w, at);
		signIn(v, s, w, 'sign-in-early');
	},
	'sign-in': (v, s, w) => signIn(v, s, w, 'sign-in'),
	join(v, s, w, at) {
		opening(v, s, w, at);
		const drawn = inTurns(s) && s.sale.draw_at && s.sale.line?.drawn === undefined;
		v.text = w.text(inTurns(s) ? (drawn ? 'join-draw' : 'join-turn') : 'join-pass', { time: drawn && w.date(s.sale.draw_at), n: w.number(s.joined) });
		if (s.session) v.primary = act(w, 'join');
		else signIn(v, s, w, 'sign-in-join');
	},
	joining(v, s, w) {
		if (s.join.step === 'solve') v.text = w.text('solving');
		if (s.join.tries) v.text = w.text('retrying');
		v.busy = true;
	},
	drawing(v, s, w, at) {
		opening(v, s, w, at);
		const drawn = s.sale.line?.drawn !== undefined;
		if (drawn) v.text = w.text('drawn');
		v.announce = 'drawing' + drawn; // and nothing at the marks of the countdown
		return { time: s.sale.draw_at && w.date(s.sale.draw_at), n: w.number(s.joined) };
	},
	waiting(v, s, w, at) {
		const n = ahead(s), left = soonest(s, at), time = w.span(left);
		v.headline = n ? w.text('ahead', { n: w.number(n) }) : w.text('first');
		v.note = w.text('place', { n: w.number(s.place.position) });
		v.bar = { value: s.front, max: Math.max(1, s.place.position - 1), text: v.note };
		const resting = phase(s, at) === 'sold-out';
		v.text = w.text(resting ? 'resting' : 'soonest', { time });
		const mark = [60, 120, 300, 600, 1800, 3600].find((m) => left <= m * 1000);
		v.announce += resting ? 'resting' : mark;
	},
	turn: choose,
	buy: choose,
	buying(v, s, w, at) {
		const p = s.purchase, slow = at - p.since > 4000;
		if (p.late !== undefined) v.text = w.text('late', { n: w.number(p.late) });
		else if (slow && p.code) v.text = `${w.problem(p.code)[0]}. ${w.text('retrying')}`;
		else if (slow) v.text = w.text('retrying');
		v.announce += p.late !== undefined ? 'late' : slow ? 'slow' : '';
		v.busy = true;
		if (slow || p.late !== undefined) v.secondary = act(w, 'stop');
		return { things: thingsOf(s, w, p.quantity) };
	},
	held(v, s, w, at) {
		const o = s.order, left = Date.parse(o.expires_at) - clockOf(s, at);
		figure(v, left, w.text('to-pay'), [30, 60, 120, 300], w);
		if (left <= 0) v.text = w.text('ending');
		else if (/^(https?:|\/)/.test(o.pay_url || '')) v.primary = link(w, 'pay', o.pay_url, { amount: w.money(o.amount, o.currency) });
		else v.note = w.text('pay-elsewhere');
		if (s.paying) v.note = w.text('paying');
		v.secondary = act(w, 'cancel');
		return { things: thingsOf(s, w, o.quantity), left: v.left };
	},
	giving(v, s, w) {
		const sending = Boolean(s.cancel.at);
		v.busy = sending;
		if (s.cancel.tries) v.text = w.text('retrying');
		if (!sending) [v.primary, v.secondary] = [act(w, 'release'), act(w, 'keep')];
		return { things: thingsOf(s, w, s.order.quantity) };
	},
	paid(v, s, w) {
		v.note = w.text('order', { id: s.order.id });
		return { things: thingsOf(s, w, s.order.quantity), amount: s.order.amount ? w.money(s.order.amount, s.order.currency) : w.text('free') };
	},
};
for (const ended of ['expired', 'cancelled', 'refunded']) {
	screens[ended] = (v, s, w, at) => {
		if (phase(s, at) !== 'closed') v.secondary = act(w, 'dismiss');
		return { things: thingsOf(s, w, s.order.quantity) };
	};
}
