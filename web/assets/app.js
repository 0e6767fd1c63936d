// The page: brings together what is known, what is due and what is shown.

import { ask, passing } from './api.js';
import { which } from './order.js';
import { request } from './purchase.js';
import { announce, dress, render } from './render.js';
import { due, initial, reduce } from './state.js';
import * as store from './store.js';
import { viewOf } from './view.js';
import { choose, load } from './words.js';

const sale = location.pathname.split('/')[2] || '';
const api = `/v1/sales/${sale}`;
const others = 'BroadcastChannel' in window ? new BroadcastChannel('onsale') : null;

let state = initial, words = null;
const asking = new Set(), timers = {};

function dispatch(type, more) {
	const before = state;
	state = reduce(state, { type, at: performance.now(), random: Math.random(), ...more });
	if (state.session && ['session', 'place', 'order', 'known', 'purchase'].some((k) => state[k] !== before[k])) store.save(sale, state);
	schedule();
	draw();
}

const calls = {
	sale: async () => dispatch('sale', { answer: await ask('GET', api) }),
	async session() {
		const answer = await ask('GET', '/v1/session');
		dispatch('session', { answer, stored: answer.code ? null : store.load(sale, answer.doc.buyer) });
	},
	async order() {
		const id = which(state), asked = performance.now();
		dispatch('order', { id, asked, answer: await ask('GET', `${api}/orders/${id}`) });
	},
	async join() {
		const { place, join } = state;
		const answer = await ask('POST', `${api}/line`, { body: !place && join.proof ? { proof: join.proof } : undefined, headers: place ? { 'Onsale-Place': place.token } : {} });
		dispatch('joined', { answer });
		if (!answer.code) notify();
	},
	challenge: async () => dispatch('challenge', { answer: await ask('GET', `${api}/line/challenge`) }),
	solve: async () => dispatch('solved', { proof: await solve(state.join.challenge) }),
	async purchase() {
		const answer = await ask('POST', `${api}/orders`, request(state));
		dispatch('purchase', { answer });
		if (!answer.code) notify();
	},
	async cancel() {
		const answer = await ask('DELETE', `${api}/orders/${state.order.id}`);
		dispatch('cancelled', { answer });
		if (!answer.code) notify();
	},
};

// schedule has a timer for each thing that is due. One that is being asked for is not asked for twice.
function schedule() {
	const times = due(state);
	for (const name of Object.keys(calls)) {
		clearTimeout(timers[name]);
		if (times[name] === undefined || asking.has(name)) continue;
		timers[name] = setTimeout(run, Math.min(Math.max(0, times[name] - performance.now()), 2 ** 30), name);
	}
}

async function run(name) {
	clearTimeout(timers[name]);
	asking.add(name);
	try {
		await calls[name]();
	} finally {
		asking.delete(name);
		schedule();
	}
}

// solve returns the proof, or null where the challenge has no solution.
function solve(challenge) {
	return new Promise((resolve) => {
		const worker = new Worker('/assets/proof.js', { type: 'module' });
		worker.onmessage = (e) => (worker.terminate(), resolve(e.data));
		worker.onerror = () => resolve(null);
		worker.postMessage(challenge);
	});
}

// Timers of a hidden tab are up to a minute late, and a turn has 45 seconds. A worker's are not.
let ticker;
function hide() {
	ticker?.terminate();
	if (!document.hidden) return;
	ticker = new Worker('/assets/tick.js');
	ticker.onmessage = () => {
		for (const [name, at] of Object.entries(due(state))) if (at <= performance.now() && !asking.has(name)) run(name);
		draw();
	};
}

let drawing, ready;
function draw() {
	if (!words) return;
	const at = performance.now(), v = viewOf(state, at, words);
	render(v);
	announce(v, at);
	if (v.screen !== 'loading' && !ready) ready = performance.mark('ready'); // for whoever measures pages
	// Numbers change with the second of the server's clock.
	clearTimeout(drawing);
	drawing = setTimeout(draw, 1000 - (((at + (state.offset || 0)) % 1000) + 1000) % 1000);
}

// notify has this buyer's other tabs look, too.
const notify = () => others?.postMessage(sale);
const look = (signedIn) => dispatch('look', { signedIn, place: state.session && store.load(sale, state.session.buyer).place });

async function speak(language) {
	words = await load(language, navigator.languages);
	dress(words, language);
	draw();
}

// signIn exchanges the token of signing in for the cookie. One that nobody here asked for is dropped: by a link with theirs,
// others could have the buyer pay as somebody else.
async function signIn() {
	const token = new URLSearchParams(location.hash.slice(1)).get('token');
	if (!token) return;
	history.replaceState(history.state, '', location.pathname + location.search);
	if (!store.signedIn()) return;
	for (let i = 0; i < 4; i++) if (!passing(await ask('POST', '/v1/session', { headers: { Authorization: `Bearer ${token}` } }))) break;
	others?.postMessage('');
}

function listen() {
	const acts = { buy: () => dispatch('buy', { key: crypto.randomUUID?.() || String(Math.random()).slice(2) }) };
	acts.take = acts.buy;
	const act = (name) => (acts[name] || (() => dispatch(name)))();
	const on = (target, type, f) => target.addEventListener(type, f);
	const $ = (id) => document.getElementById(id);

	on($('form'), 'submit', (e) => {
		e.preventDefault();
		if (!$('primary').hidden) act($('primary').dataset.act);
	});
	on($('secondary'), 'click', (e) => act(e.target.dataset.act));
	on($('go'), 'click', (e) => {
		if (e.target.dataset.act === 'pay') return dispatch('paying');
		e.preventDefault();
		store.signingIn();
		if (e.target.dataset.act === 'sign-in-join') store.joining(sale, true);
		const to = new URL(e.target.href);
		to.searchParams.set('return', location.href.split('#')[0]);
		location.assign(to);
	});
	const count = (n) => {
		dispatch('quantity', { quantity: n });
		$('n').value = state.quantity;
		$('n').setCustomValidity('');
	};
	on($('fewer'), 'click', () => count(state.quantity - 1));
	on($('more'), 'click', () => count(state.quantity + 1));
	// What is typed is never corrected: a number that can't be ordered stops the form.
	on($('n'), 'input', ({ target }) => {
		const n = Number(target.value), { limit } = state.sale;
		target.setCustomValidity(n >= 1 && n <= limit && n % 1 === 0 ? '' : words.problem('quantity-limit', { limit: words.number(limit) })[1]);
		dispatch('quantity', { quantity: Math.floor(n) });
	});
	on($('language'), 'change', (e) => {
		store.language(e.target.value);
		speak(e.target.value);
	});

	on($('out'), 'click', async () => {
		if (passing(await ask('DELETE', '/v1/session'))) return;
		store.forget(sale, state.session.buyer);
		others?.postMessage('');
		location.reload();
	});

	on(window, 'pageshow', (e) => e.persisted && look(true));
	on(window, 'online', () => look());
	on(document, 'visibilitychange', () => (hide(), document.hidden || look(!state.session)));
	if (others) others.onmessage = (e) => (e.data === sale || !e.data) && look(!e.data);
}

listen();
const language = choose([store.language(), ...navigator.languages].filter(Boolean));
await Promise.all([signIn(), speak(language).catch(() => speak('en'))]);
schedule();
