// Numbers, times and the words for what happens.

const whole = new Intl.NumberFormat();
const one = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const count = (n) => whole.format(n);
export const rate = (n) => (Math.abs(n) < 10 ? one.format(n || 0) : whole.format(Math.round(n)));
export const time = (t) => clock.format(t);
export const dayTime = (t) => day.format(t);

export function age(seconds) {
  if (seconds === undefined) return "–";
  seconds = Math.max(0, seconds);
  if (seconds < 10) return `${one.format(seconds)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

const reasons = {
  first: "the sale had no plan", membership: "nodes or weights changed", returned: "stock returned or the total changed",
  low: "a node has claimed most of its share", drift: "the plan covered too little",
};

// Each kind: how it is marked, a sign for the chart, whether it is read out, and its sentence.
const kinds = {
  joined: ["good", "+", false, (e) => `${e.node} joined`],
  left: ["warn", "−", false, (e) => `${e.node} left`],
  killed: ["bad", "✕", true, (e) => `${e.node} stopped answering: killed, or cut off`],
  drained: ["warn", "−", false, (e) => `${e.node} was drained by an operator`],
  undrained: ["good", "+", false, (e) => `${e.node} was given back by an operator`],
  unready: ["warn", "!", false, (e) => `${e.node} runs and sells nothing`],
  ready: ["good", "+", false, (e) => `${e.node} sells`],
  "redis-away": ["bad", "R", true, () => "Redis does not answer"],
  "redis-back": ["good", "R", true, () => "Redis answers again"],
  leading: ["plain", "L", false, () => "this allocator leads"],
  standby: ["plain", "L", false, () => "this allocator no longer leads"],
  opened: ["good", "○", true, () => "the sale opened"],
  closed: ["warn", "●", true, () => "the sale closed"],
  planned: ["plain", "", false, (e) => `planned for ${count(e.nodes ?? 0)} nodes: ${reasons[e.reason] ?? e.reason}`],
  "sold-out": ["bad", "0", true, () => "sold out"],
  returned: ["good", "↑", true, (e) => `tickets returned: ${count(e.tickets)} for sale again`],
  restocked: ["good", "↑", false, (e) => `the total changed by ${count(e.tickets)}`],
  drawn: ["plain", "D", false, () => "the line was drawn"],
  shut: ["bad", "!", true, (e) => `the sale is shut until it is reconciled: ${e.reason}`],
  reconciled: ["good", "✓", true, () => "the sale was reconciled"],
};
const unknown = ["plain", "?", false, (e) => e.kind];

export const mark = (e) => (kinds[e.kind] ?? unknown)[0];
export const sign = (e) => (kinds[e.kind] ?? unknown)[1];
export const readOut = (e) => (kinds[e.kind] ?? unknown)[2];
export const sentence = (e) => (kinds[e.kind] ?? unknown)[3](e);

export const phases = { scheduled: "not open yet", "on-sale": "on sale", "sold-out": "sold out", closed: "closed" };
