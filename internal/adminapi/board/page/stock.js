// The stock as one bar: paid, held, and what remains by node. Below the slices are the buffers, on the same
// scale: each below its slice, or all of them together where slices are narrow.

import { $, list, make, put, set, svg } from "./dom.js";
import { count } from "./words.js";

const shown = 100; // nodes with a part of their own; those beyond share one

const bar = $("#bar");
const parts = list(bar, () => svg("rect"), (rect, p) => {
  set(rect, { x: p.x.toFixed(2), y: p.y, width: Math.max(p.width, 0).toFixed(2), height: p.height, class: p.fill });
});
const legend = list($("#legend"), (l) => {
  const key = svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" });
  key.append(svg("rect", { width: 10, height: 10, class: l.fill }));
  return make("li", {}, key, make("span"));
}, (li, l) => put(li.lastElementChild, l.text));

// left is what a node may still claim of its share.
export function left(share) {
  return {
    slice: Math.max(0, share.slice - share.claimed),
    buffer: Math.max(0, share.buffer - Math.max(0, share.claimed - share.slice)),
  };
}

export function drawStock(sale) {
  const width = bar.clientWidth || 1000;
  const scale = width / Math.max(1, sale.total);
  const rects = [];
  let x = 0;
  const add = (key, tickets, fill, y = 0, height = 30) => {
    rects.push({ key, x, y, width: tickets * scale, height, fill });
  };
  add("paid", sale.paid, "fill-paid");
  x += sale.paid * scale;
  add("held", sale.held, "fill-held");
  x += sale.held * scale;
  let sliced = 0, buffered = 0, rest = sale.remaining;
  const shares = sale.plan.slice(0, shown);
  if (sale.plan.length > shown) {
    const more = sale.plan.slice(shown).map(left);
    shares.push({ node: "others", claimed: 0, slice: more.reduce((n, l) => n + l.slice, 0), buffer: more.reduce((n, l) => n + l.buffer, 0) });
  }
  const wide = (sale.remaining * scale) / Math.max(1, shares.length) > 12; // room for a buffer below each slice
  const from = x;
  shares.forEach((share, i) => {
    const has = left(share);
    const slice = Math.min(has.slice, rest); // a plan is a hint, and may promise more than there is
    rest -= slice;
    sliced += slice;
    buffered += has.buffer;
    add(`slice ${share.node}`, slice, i % 2 ? "fill-slice2" : "fill-slice");
    if (wide && has.buffer > 0 && slice > 0) rects.push({ key: `buffer ${share.node}`, x: x + 0.5, y: 33, width: Math.min(has.buffer, slice) * scale - 1, height: 11, fill: "fill-buffer" });
    x += slice * scale;
  });
  if (!wide && buffered > 0) rects.push({ key: "buffers", x: from, y: 33, width: Math.min(buffered, sliced) * scale, height: 11, fill: "fill-buffer" });
  add("rest", Math.max(0, rest), "fill-rest");
  set(bar, { viewBox: `0 0 ${width} 46`, preserveAspectRatio: "none" });
  parts(rects, (r) => r.key);

  const items = [
    { fill: "fill-paid", text: `paid ${count(sale.paid)}` },
    { fill: "fill-held", text: `held ${count(sale.held)}` },
    { fill: "fill-slice", text: `in slices of ${count(sale.plan.length)} nodes ${count(sliced)}` },
    { fill: "fill-buffer", text: `in buffers ${count(buffered)}: what nodes may sell if others die, of the same tickets` },
  ];
  if (rest > 0) items.push({ fill: "fill-rest", text: `in no share ${count(rest)}: nodes claim it from buffers, or refill` });
  legend(items, (l) => l.fill);
  put($("#bar-text"), `${count(sale.remaining)} of ${count(sale.total)} remain, ${count(sale.held)} are held, ${count(sale.paid)} are paid. Each node's share is in the table of nodes.`);
}
