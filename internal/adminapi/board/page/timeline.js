// What happened, the newest first.

import { $, list, make, put, set } from "./dom.js";
import { mark, readOut, sentence, sign, time } from "./words.js";

const most = 300; // events that are kept; the oldest go
const shown = 80;

export class Timeline {
  constructor() {
    this.events = [];
    this.run = "";
    this.last = 0;
  }
  // take adds what is new and returns it. Numbers begin again with each run of an allocator.
  take(run, events) {
    if (run !== this.run) [this.run, this.last] = [run, 0];
    const fresh = events.filter((e) => e.number > this.last).map((e) => ({ ...e, key: `${run}/${e.number}`, when: Date.parse(e.at) }));
    if (fresh.length) {
      this.last = fresh[fresh.length - 1].number;
      this.events = [...this.events, ...fresh].slice(-most);
    }
    return fresh;
  }
}

// merged are the events to list: plans, and nodes that join, are one entry if they follow each other.
function merged(events) {
  const out = [];
  for (const e of events) {
    const last = out[out.length - 1];
    if (last && last.kind === e.kind && (e.kind === "planned" || e.kind === "joined")) out[out.length - 1] = { ...e, key: last.key, times: last.times + 1 };
    else out.push({ ...e, times: 1 });
  }
  return out;
}

const more = (e) => (e.times === 1 ? "" : e.kind === "planned" ? ` (${e.times} plans)` : ` (and ${e.times - 1} more)`);

const lines = list($("#timeline ol"), () => {
  const li = make("li", {}, make("time"), make("span", { "aria-hidden": "true" }), make("span"));
  return li;
}, (li, e) => {
  set(li.children[0], { datetime: e.at });
  put(li.children[0], time(e.when));
  set(li.children[1], { class: `dot ${mark(e)}` });
  put(li.children[1], sign(e) || "·");
  put(li.children[2], sentence(e) + more(e));
});

export function drawTimeline(events) {
  lines(merged(events).slice(-shown).reverse(), (e) => e.key);
}

// announce has a screen reader read out what matters, once for all that came together.
let announced = 0;
export function announce(fresh) {
  const texts = fresh.filter((e) => readOut(e) && Date.now() - e.when < 60_000).map(sentence);
  if (texts.length === 0 || Date.now() - announced < 3000) return;
  announced = Date.now();
  put($("#news"), texts.slice(-3).join(". "));
}
