// Numbers: how fast it sells, what was answered, the plan, the line, the ledger, the sum and the last audit.

import { $, cells, list, make, put, row } from "./dom.js";
import { age, count, dayTime, phases, rate } from "./words.js";

const facts = list($("#facts"), () => {
  const holder = document.createElement("div");
  holder.className = "fact";
  holder.append(make("dt"), make("dd"));
  return holder;
}, (div, f) => {
  put(div.children[0], f.name);
  put(div.children[1], f.text);
  div.children[1].className = f.mark ?? "";
});
const answers = list($("#answers tbody"), () => row(3), (tr, a) => cells(tr, [a.code, count(a.total), rate(a.rate)]));
const most = 8; // outcomes; the others are one

export function drawFigures(site, sale) {
  put($("#rate"), sale ? rate(sale.per_second) : "–");
  facts(sale ? of(sale) : [], (f) => f.name);
  const all = Object.entries(site.answers?.totals ?? {}).map(([code, total]) => ({ code, total, rate: site.answers.per_second[code] ?? 0 }));
  all.sort((a, b) => b.total - a.total || (a.code < b.code ? -1 : 1));
  if (all.length > most) {
    const rest = all.splice(most - 1);
    all.push({ code: "others", total: rest.reduce((n, a) => n + a.total, 0), rate: rest.reduce((n, a) => n + a.rate, 0) });
  }
  $("#answers").hidden = all.length === 0;
  $("#answers-none").hidden = all.length > 0;
  answers(all, (a) => a.code);
}

function of(sale) {
  const sum = sale.remaining + sale.held + sale.paid;
  const list = [
    { name: "state", text: sale.lost ? "shut: lost data" : phases[sale.phase] ?? sale.phase, mark: sale.lost ? "bad" : sale.phase === "on-sale" ? "good" : "" },
    { name: "sum", text: `${count(sale.remaining)} + ${count(sale.held)} + ${count(sale.paid)} ${sum === sale.total ? "=" : "≠"} ${count(sale.total)}`, mark: sum === sale.total ? "good" : "bad" },
    { name: "plan generation", text: sale.plan_generation ? String(sale.plan_generation) : "none yet" },
  ];
  if (sale.line) {
    list.push({ name: "line: joined", text: count(sale.line.joined) });
    if (sale.line.rate) list.push({ name: "line: front", text: `${count(sale.line.front)}${sale.line.over ? "" : ", not drawn yet"}` }, { name: "line: rate", text: `${count(sale.line.rate)} per second` });
  }
  list.push({ name: "ledger", ...(sale.behind ? (sale.behind.waiting ? { text: `${count(sale.behind.waiting)} events wait, ${age(sale.behind.waited_seconds)}`, mark: sale.behind.waited_seconds > 5 ? "bad" : "" } : { text: "has recorded all", mark: "good" }) : { text: "none is known" }) });
  const a = sale.audited;
  list.push({ name: "last audit", ...(a ? { text: `${a.faults ? `${count(a.faults)} faults` : "clean"}, ${dayTime(Date.parse(a.at))}${a.ledger ? "" : ", without ledger"}`, mark: a.faults ? "bad" : "good" } : { text: "none is known" }) });
  return list;
}
