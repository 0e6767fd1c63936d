// The drain: what remains, is held and is paid over time, with what happened on top.

import { $, cells, list, put, row, set, svg } from "./dom.js";
import { count, mark, sentence, sign, time } from "./words.js";

const most = 300; // points, as the allocator keeps them
const marks = 40; // events on top: the newest
const rows = 12; // of the table

// Curve is bounded: when it is full, every other point goes and the rest lie twice as far apart.
export class Curve {
  constructor(points = []) {
    this.points = points.slice(-most);
    this.step = 1000;
    const n = this.points.length;
    while (n > 2 && this.step * 1.5 < (this.points[n - 2][0] - this.points[0][0]) / (n - 2)) this.step *= 2;
  }
  add(at, remaining, held, paid) {
    const last = this.points[this.points.length - 1];
    if (last && at - last[0] < this.step) return;
    if (this.points.length >= most) {
      this.points = this.points.filter((_, i) => i % 2 === 0);
      this.step *= 2;
    }
    this.points.push([at, remaining, held, paid]);
  }
}

const chart = $("#curve");
const layers = ["fill-slice area", "fill-held area", "fill-paid area", "edge"].map((c) => {
  const path = svg("path", { class: c });
  return path;
});
const axes = svg("g");
const over = svg("g");
chart.append(axes, ...layers, over);

const ticks = list(axes, () => {
  const g = svg("g");
  g.append(svg("line", { class: "axis" }), svg("text"));
  return g;
}, (g, t) => {
  set(g.firstChild, { x1: t.x1, y1: t.y1, x2: t.x2, y2: t.y2 });
  set(g.lastChild, { x: t.x, y: t.y, "text-anchor": t.anchor });
  put(g.lastChild, t.text);
});
const events = list(over, () => {
  const g = svg("g");
  g.append(svg("line"), svg("text", { "text-anchor": "middle" }), svg("title"));
  return g;
}, (g, e) => {
  set(g, { class: `mark mark-${mark(e.event)}` });
  set(g.children[0], { x1: e.x, x2: e.x, y1: e.top + 3, y2: e.bottom });
  set(g.children[1], { x: e.x, y: e.top });
  put(g.children[1], sign(e.event));
  put(g.children[2], `${time(e.event.when)} ${sentence(e.event)}${e.more ? ` (and ${e.more} more)` : ""}`);
});
const table = list($("#curve-table tbody"), () => row(4), (tr, p) => cells(tr, [time(p[0]), count(p[1]), count(p[2]), count(p[3])]));

const lefts = 46, tops = 26, bottoms = 18;

export function drawCurve(curve, sale, now, happened) {
  const width = Math.max(chart.clientWidth, 200), height = Math.max(chart.clientHeight, 100);
  const points = [...curve.points, [now, sale.remaining, sale.held, sale.paid]];
  const begin = points[0][0], span = Math.max(now - begin, 1000);
  const total = Math.max(1, ...points.map((p) => p[1] + p[2] + p[3]));
  const x = (t) => (lefts + ((t - begin) / span) * (width - lefts - 8)).toFixed(1);
  const y = (n) => (tops + (1 - n / total) * (height - tops - bottoms)).toFixed(1);
  set(chart, { viewBox: `0 0 ${width} ${height}` });

  const edge = (sum) => points.map((p) => `${x(p[0])},${y(sum(p))}`);
  const area = (low, high) => `M${edge(high).join("L")}L${edge(low).reverse().join("L")}Z`;
  const remains = (p) => p[1], unpaid = (p) => p[1] + p[2], all = (p) => p[1] + p[2] + p[3];
  set(layers[0], { d: area(() => 0, remains) });
  set(layers[1], { d: area(remains, unpaid) });
  set(layers[2], { d: area(unpaid, all) });
  set(layers[3], { d: `M${edge(remains).join("L")}` });

  const axis = [0, 0.5, 1].map((part) => ({
    key: `y${part}`, x1: lefts, x2: width - 8, y1: y(part * total), y2: y(part * total), x: lefts - 5, y: +y(part * total) + 4, anchor: "end", text: count(Math.round(part * total)),
  }));
  for (const part of [0, 0.5, 1]) {
    const at = begin + part * span;
    axis.push({ key: `x${part}`, x1: x(at), x2: x(at), y1: height - bottoms, y2: height - bottoms + 3, x: x(at), y: height - 4, anchor: ["start", "middle", "end"][part * 2], text: time(at) });
  }
  ticks(axis, (t) => t.key);

  const on = [];
  for (const event of happened) {
    if (!sign(event) || event.when < begin) continue;
    const at = +x(event.when), last = on[on.length - 1];
    if (last && last.event.kind === event.kind && at - last.x < 9) last.more++; // as one
    else on.push({ event, x: at, more: 0, top: tops - 4 - (last && at - last.x < 11 && last.top === tops - 4 ? 11 : 0), bottom: height - bottoms });
  }
  events(on.slice(-marks), (e) => e.event.key);

  put($("#curve-text"), `From ${time(begin)} to ${time(now)}: ${count(points[0][1])} remained, ${count(sale.remaining)} remain. A table follows.`);
  const shown = $("#curve-table").open ? points.filter((_, i) => (points.length - 1 - i) % Math.max(1, Math.ceil(points.length / rows)) === 0).reverse() : [];
  table(shown, (p) => p[0]);
}
