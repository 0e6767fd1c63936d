// Brings a view into the page. Elements stay where they are, and only what differs is touched: focus, selection and
// screen readers are left in peace.

const $ = (id) => document.getElementById(id);

const text = (element, value) => {
	if (element.textContent !== value) element.textContent = value;
};
const show = (element, is) => {
	if (element.hidden === Boolean(is)) element.hidden = !is;
};
const put = (id, value) => {
	const element = $(id);
	text(element, value || '');
	show(element, value);
};
const attribute = (element, name, value) => {
	if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};

// dress writes what depends on the language alone.
export function dress(w, language) {
	document.documentElement.lang = w.locale;
	$('language').value = language;
	text($('language-label'), w.text('language'));
	text($('quantity-label'), w.text('quantity'));
	text($('rules-title'), w.text('rules'));
	text($('fair-title'), w.text('fair'));
	text($('lost'), w.text('offline'));
	text($('out'), w.text('sign-out'));
	for (const id of ['fewer', 'more']) attribute($(id), 'aria-label', w.text(id));
}

export function render(v) {
	const focused = document.activeElement, inside = $('stage').contains(focused);
	document.title = v.title;
	document.body.dataset.screen = v.screen;
	if (v.screen === 'unreachable') text($('heading'), location.pathname.split('/').pop());
	if (v.heading !== undefined) {
		put('phase', v.phaseText);
		attribute($('phase'), 'data-phase', v.phase);
		text($('heading'), v.heading);
		put('subtitle', v.subtitle);
		facts(v.facts);
	}
	text($('headline'), v.headline);
	put('text', v.text);
	put('note', v.note);
	show($('lost'), v.lost);
	notice(v.notice);
	figure(v.figure);
	bar(v.bar);
	quantity(v.quantity);
	$('stage').classList.toggle('busy', Boolean(v.busy));
	act($('primary'), v.primary?.href ? null : v.primary);
	act($('secondary'), v.secondary);
	act($('go'), v.primary?.href ? v.primary : null);
	if (v.primary?.href) attribute($('go'), 'href', v.primary.href);
	show($('rules'), v.rules || v.lapses);
	put('rules-text', v.rules);
	put('lapses', v.lapses);
	show($('out'), v.signedIn);
	show($('fair'), v.fair);
	text($('fair-text'), v.fair || '');
	// What had the focus is gone: whoever uses the keyboard goes on at the headline.
	if (inside && focused.closest('[hidden]')) $('headline').focus();
}

function act(element, a) {
	show(element, a);
	if (!a) return;
	text(element, a.text);
	attribute(element, 'data-act', a.act);
}

function facts(list) {
	const dl = $('facts');
	while (dl.children.length > list.length) dl.lastChild.remove();
	list.forEach(([name, value], i) => {
		if (!dl.children[i]) {
			const div = document.createElement('div');
			div.append(document.createElement('dt'), document.createElement('dd'));
			dl.append(div);
		}
		const [dt, dd] = dl.children[i].children;
		text(dt, name);
		text(dd, value);
	});
}

function notice(n) {
	show($('notice'), n);
	if (!n) return;
	const [strong, span] = $('notice').children;
	text(strong, n.parts[0]);
	text(span, n.parts[1] || '');
	$('notice').classList.toggle('good', Boolean(n.good));
}

function figure(f) {
	show($('figure'), f);
	if (!f) return;
	put('days', f.days);
	text($('time'), f.value);
	attribute($('time'), 'datetime', f.iso);
	text($('label'), f.label);
}

function bar(b) {
	show($('bar'), b);
	if (!b) return;
	$('bar').max = b.max;
	$('bar').value = b.value;
	attribute($('bar'), 'aria-label', b.text);
}

function quantity(q) {
	show($('quantity'), q && q.limit > 1);
	if (!q) return;
	const n = $('n');
	n.max = q.limit;
	if (document.activeElement !== n && n.value !== String(q.n)) n.value = q.n;
	$('fewer').disabled = q.n <= 1;
	$('more').disabled = q.n >= q.limit;
}

// A live region that does not chatter: at most one message in five seconds, of what is shown then.
const quiet = 5000;
let announced = '', last = -quiet;

export function announce(v, at) {
	if (v.announce === announced || v.screen === 'loading' || at - last < quiet) return;
	[announced, last] = [v.announce, at];
	const time = v.figure && v.left && `${v.left} ${v.figure.label}`;
	text($('status'), [...(v.notice?.parts || []), v.headline, time, v.text].filter(Boolean).join('. '));
}
