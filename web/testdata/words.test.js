import { payload, solve } from '/assets/proof.js';
import { choose, digits, words } from '/assets/words.js';
import { equal } from './run.js';

const hash = async (text) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))].map((b) => b.toString(16).padStart(2, '0')).join('');
const recorded = { algorithm: 'SHA-256', challenge: '131edc050d8ee8fad0a2622522cdcbc1b837b65a602e3ebc23730401951e72d5', maxnumber: 20000, salt: '71dc09e55c03eda1e249500a?expires=2282558460&', signature: '36ac' };

export const tests = {
  'a challenge that public clients have solved': () => equal(solve(recorded), 3327),
  'the proof is what they make of it': () =>
    equal(JSON.parse(atob(payload(recorded))), { algorithm: 'SHA-256', challenge: recorded.challenge, number: 3327, salt: recorded.salt, signature: '36ac' }),
  'a challenge without a solution has none': () => equal([solve({ ...recorded, maxnumber: 3326 }), payload({ ...recorded, maxnumber: 3326 })], [-1, null]),
  async 'salts of every length, over one block and two'() {
    for (let n = 0; n < 140; n++) {
      const salt = 'x'.repeat(n);
      equal(solve({ salt, challenge: await hash(salt + '12'), maxnumber: 20 }), 12, n);
    }
  },
  'languages are chosen by the reader'() {
    equal([choose(['de-CH', 'en']), choose(['fr', 'zh-Hant-TW']), choose(['fr']), choose([])], ['de', 'zh', 'en', 'en']);
  },
  async 'all languages have the same words, and fill in the same values'() {
    const shape = (o) => (typeof o === 'string' ? (o.match(/{\w+}/g) || []).sort() : Object.fromEntries(Object.entries(o).map(([k, v]) => [k, shape(v)])));
    const files = await Promise.all(['en', 'de', 'zh'].map(async (l) => (await fetch(`/assets/lang/${l}.json`)).json()));
    for (const f of files) for (const forms of Object.values(f.things)) delete forms.one; // as a language has them
    for (const f of files) for (const [, name] of JSON.stringify(f).matchAll(/{=([\w-]+)}/g)) equal(typeof f[name], 'string', name);
    for (const f of files.slice(1)) equal(shape(f), shape(files[0]));
  },
  async 'numbers, money and times are those of the locale'() {
    const of = async (l, locale) => words(await (await fetch(`/assets/lang/${l}.json`)).json(), locale || l);
    const [en, de, zh] = await Promise.all([of('en'), of('de'), of('zh')]);
    equal([en.money(123456, 'EUR'), en.money(500, 'JPY'), en.money(1234, 'KWD').replace(/\s/, ' ')], ['€1,234.56', '¥500', 'KWD 1.234']);
    equal(de.money(123456, 'EUR').replace(/\s/, ' '), '1.234,56 €');
    equal([en.things('ticket', 1), en.things('voucher', 1200), de.things('ticket', 2), zh.things('ticket', 2), en.things('other', 2)], ['1 ticket', '1,200 vouchers', '2 Tickets', '2 张票', '2 tickets']);
    equal([en.span(59000), en.span(61000), en.span(5400000), en.span(7000000), en.span(200000000)], ['59 seconds', '2 minutes', '90 minutes', '2 hours', '3 days']);
    equal([de.span(120000), en.span(86400000, true)], ['2 Minuten', '1 day']);
  },
  'a text may be made of another': () => equal(words({ a: '{=b}!', b: 'b {n}' }, 'en').text('a', { n: 1 }), 'b 1!'),
  'durations run by the second'() {
    equal([digits(0).text, digits(999).text, digits(61000).text, digits(3661000).text, digits(90061000)], ['00:00', '00:01', '01:01', '01:01:01', { days: 1, text: '01:01:01', iso: 'PT90061S' }]);
  },
};
