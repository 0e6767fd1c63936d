// Languages: one file each, and numbers, money and times as the browser has them for it.

const files = ['en', 'de', 'zh'];

// choose is the first language wanted that there is.
export const choose = (wanted) => wanted.map((l) => l.toLowerCase().split('-')[0]).find((l) => files.includes(l)) || 'en';

export async function load(language, wanted = []) {
	const r = await fetch(`/assets/lang/${language}.json`);
	if (!r.ok) throw new Error(`language ${language}: status ${r.status}`);
	// The region of the reader decides on formats: en-GB has 31/12, en-US 12/31.
	const locale = wanted.find((l) => l.toLowerCase().split('-')[0] === language) || language;
	return words(await r.json(), locale);
}

// words makes texts of a language's file.
export function words(file, locale) {
	const format = (kind, options, x) => new Intl[kind](locale, options).format(x);
	const number = (n) => format('NumberFormat', {}, n);
	// {name} is a value, {=name} another text of the file.
	const fill = (text, values) => text.replace(/{(=?)([\w-]+)}/g, (_, other, name) => (other ? fill(file[name], values) : values[name] ?? ''));
	const plural = new Intl.PluralRules(locale);
	return {
		locale, number, fill,
		text: (name, values = {}) => fill(name.split('.').reduce((at, key) => at?.[key], file) ?? '', values),
		// problem is what happened and what to do next.
		problem(code, values = {}) {
			const { problems } = file;
			let p = problems[code] || problems[/^status-5|lost/.test(code) ? 'node-unreachable' : 'bad-request'];
			if (typeof p === 'string') p = problems[p];
			return p.map((t) => fill(t, values));
		},
		things(kind, n) {
			const forms = file.things[kind] || file.things.ticket;
			return fill(forms[plural.select(n)] || forms.other, { n: number(n) });
		},
		// money is an amount of the currency's minor unit.
		money(amount, currency) {
			const f = new Intl.NumberFormat(locale, { style: 'currency', currency });
			return f.format(amount / 10 ** f.resolvedOptions().maximumFractionDigits);
		},
		date: (iso) => format('DateTimeFormat', { weekday: 'short', day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit', timeZoneName: 'short' }, new Date(iso)),
		// span is a duration in words, rounded up to one unit, which is the largest that fits twice unless it is named.
		span(ms, days) {
			const [unit, n] = days || ms > 86400000 * 2 ? ['day', ms / 86400000] : ms > 5400000 ? ['hour', ms / 3600000] : ms > 60000 ? ['minute', ms / 60000] : ['second', ms / 1000];
			return format('NumberFormat', { style: 'unit', unit, unitDisplay: 'long' }, Math.ceil(n));
		},
	};
}

// digits is a duration as a clock shows it, rounded up to a second.
export function digits(ms) {
	const all = Math.max(0, Math.ceil(ms / 1000)), two = (n) => String(n).padStart(2, '0');
	const days = Math.floor(all / 86400), hours = Math.floor(all / 3600) % 24, rest = `${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
	return { days, text: days || hours ? `${two(hours)}:${rest}` : rest, iso: `PT${all}S` };
}
