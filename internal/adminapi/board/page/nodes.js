// The nodes: a map of all of them, and a table.

import { $, cells, list, put, row, set, svg } from "./dom.js";
import { left } from "./stock.js";
import { age, count } from "./words.js";

const words = { killed: "killed", left: "left" };

export function states(site, sale) {
  const shares = new Map((sale?.plan ?? []).map((s) => [s.node, s]));
  const nodes = site.nodes.nodes.map((n) => {
    const [state, mark] =
      n.away ? ["away", "warn"] : n.draining ? ["shutting down", "warn"] : n.drained ? [n.idle ? "drained, idle" : "drained", "warn"] : n.ready ? ["sells", "good"] : ["not ready", "bad"];
    return { name: n.name, state, mark, weight: n.set_weight || n.weight, share: shares.get(n.name), age: site.probed[n.name] };
  });
  const known = new Set(nodes.map((n) => n.name));
  for (const g of site.gone) {
    if (!known.has(g.name)) nodes.push({ name: g.name, state: words[g.kind] ?? g.kind, mark: g.kind === "killed" ? "bad" : "warn", share: shares.get(g.name), gone: true });
  }
  return nodes;
}

const first = { bad: 0, warn: 1, good: 2 };
const most = 200; // rows; a site has a hundred nodes
const table = list($("#nodes tbody"), () => row(7), (tr, n) => {
  const has = n.share ? left(n.share) : undefined;
  cells(tr, [n.name, n.state, n.weight === undefined ? "–" : count(n.weight), has ? count(has.slice) : "–", has ? count(has.buffer) : "–", n.share ? count(n.share.claimed) : "–", n.gone ? "–" : age(n.age)], { 1: n.mark });
});
const map = $("#map");
const tiles = list(map, () => svg("rect", { width: 12, height: 12, rx: 2 }), (rect, t) => set(rect, { x: t.x, y: t.y, class: `fill-${t.mark}` }));

export function drawNodes(site, sale) {
  const nodes = states(site, sale);
  const by = { good: 0, warn: 0, bad: 0 };
  for (const n of nodes) by[n.mark]++;
  put($("#nodes-text"), `${count(by.good)} sell` + (by.bad ? `, ${count(by.bad)} killed or not ready` : "") + (by.warn ? `, ${count(by.warn)} drained, leaving or gone` : "") + ". Gossip: time since the node last answered a probe of this allocator.");
  const sorted = [...nodes].sort((a, b) => first[a.mark] - first[b.mark] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).slice(0, most);
  table(sorted, (n) => n.name);

  const width = map.clientWidth || 600, across = Math.max(1, Math.floor(width / 15));
  const byName = [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, most);
  const down = nodes.length > 12 ? Math.ceil(byName.length / across) : 0; // a few are seen in the table
  set(map, { viewBox: `0 0 ${width} ${Math.max(1, down * 15 + 3)}`, height: down * 15 + 3 });
  tiles(down ? byName.map((n, i) => ({ name: n.name, mark: n.mark, x: (i % across) * 15, y: Math.floor(i / across) * 15 + 2 })) : [], (t) => t.name);
}
