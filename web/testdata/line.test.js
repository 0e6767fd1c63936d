import { clockOf, sample } from '/assets/clock.js';
import { advance, pause, phase, soonest } from '/assets/line.js';
import { initial } from '/assets/state.js';
import { iso, noon, ok, play, sale, signedIn } from './events.js';
import { equal } from './run.js';

const lined = { admission: 'line', line: { joined: 900, front: 100, rate: 100 } };
const placed = (position, doc) => ({ ...signedIn({ ...lined, ...doc }, { place: { place: '7', position, token: 't' } }), samples: 9 });

export const tests = {
  'the latest of lower bounds is the clock'() {
    const read = (offset, seconds, at, age = 0) => sample(offset, ok({ server_time: iso(seconds) }, { age }), at);
    let offset = read(null, 10, 1000);
    equal(clockOf({ offset }, 1000), noon + 10000);
    offset = read(offset, 10, 2000); // from a cache: no earlier
    equal(clockOf({ offset }, 2000), noon + 11000);
    offset = read(offset, 11.5, 2000);
    equal(clockOf({ offset }, 2000), noon + 11500);
    offset = read(offset, 11, 2000, 1000); // a second old by its Age
    equal(clockOf({ offset }, 2000), noon + 12000);
  },
  'a server whose clock was set back is followed'() {
    const offset = sample(noon, ok({ server_time: iso(-3600) }), 0);
    equal(offset, noon - 3600000);
  },
  'an answer without a time changes no clock': () => equal(sample(noon, ok({}), 5), noon),
  'a sale opens by the clock, before a document says so'() {
    const s = signedIn({ state: 'scheduled', opens_at: iso(30) });
    equal([phase(s, 29000), phase(s, 30000)], ['scheduled', 'on-sale']);
  },
  'a sale closes by the clock'() {
    const s = signedIn({ closes_at: iso(30) });
    equal([phase(s, 29000), phase(s, 30000)], ['on-sale', 'closed']);
  },
  'the front never falls'() {
    const s = advance(advance({ ...initial }, { front: 60, joined: 90 }, 0), { front: 40, joined: 80 }, 1000);
    equal([s.front, s.joined], [60, 90]);
  },
  'the estimate only gets shorter'() {
    let s = placed(1000), last = Infinity, random = 7;
    const next = () => (random = (random * 48271) % 2147483647) / 2147483647;
    for (let second = 2; second < 400; second++) {
      const front = next() < 0.4 ? s.front : s.front + Math.floor(next() * 20) - 5;
      s = play(s, [second, 'sale', ok({ ...sale, ...lined, line: { joined: 1200, front, rate: 20 }, server_time: iso(second - next()) })]);
      const left = soonest(s, second * 1000);
      if (left > last) throw new Error(`got ${left} ms after ${last} at ${second} s`);
      last = left;
    }
  },
  'who is far behind asks rarely, who is next in turn all the time'() {
    for (const [position, want] of [[200, 0.75], [600, 0.75], [601, 3], [700, 3], [2100, 10], [40100, 60], [400100, 300]]) {
      const s = placed(position);
      equal([pause(s, 2000, 0), pause(s, 2000, 1)], [want * 1000, want * 750], position);
    }
  },
  'all who wait for a draw ask after it, over 45 seconds'() {
    const s = placed(undefined, { state: 'scheduled', opens_at: iso(300), draw_at: iso(100), line: { joined: 9, front: 0, rate: 100 } });
    equal(pause(s, 2000, 0), 98000);
    equal(pause(s, 2000, 1), 143000);
  },
  'a sale that opens soon is asked for every ten seconds'() {
    const s = { ...signedIn({ state: 'scheduled', opens_at: iso(30) }), samples: 9 };
    equal([pause(s, 2000, 0.5), pause(s, 29000, 0.5)], [14000, 10000]);
    equal(pause({ ...signedIn({ state: 'scheduled', opens_at: iso(86400) }), samples: 9 }, 2000, 0.5), 300000);
  },
};
