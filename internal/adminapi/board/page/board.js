// The board: asks for a session, follows the stream, and draws the newest frame.

import { Curve, drawCurve } from "./curve.js";
import { $, list, make, put } from "./dom.js";
import { drawFigures } from "./figures.js";
import { drawNodes } from "./nodes.js";
import { drawStock } from "./stock.js";
import { announce, drawTimeline, Timeline } from "./timeline.js";
import { age, count, rate } from "./words.js";

const retry = 3000; // milliseconds from a stream that was refused to the next try

let chosen = new URLSearchParams(location.search).get("sale") ?? "";
let stream, latest, arrived = 0, curve = new Curve(), timeline = new Timeline(), shownSale = "", drawing = false;

const chips = list($("#chips"), () => make("li"), (li, c) => {
  put(li, c.text);
  if (li.className !== c.mark) li.className = c.mark;
});
const options = list($("#sale"), () => make("option"), (o, s) => {
  o.value = s.id;
  put(o, s.text);
});

async function session() {
  try {
    const answer = await fetch("/board/session", { cache: "no-store" });
    return answer.ok && (await answer.json()).open;
  } catch {
    return undefined; // nobody answers: the stream is tried again
  }
}

async function start() {
  const open = await session();
  $("#enter").hidden = open !== false;
  if (open === false) {
    $("#board").hidden = true;
    $("#token").focus();
    return;
  }
  if (open === undefined) return setTimeout(start, retry);
  follow();
}

function follow() {
  stream?.close();
  stream = new EventSource(`/board/events${chosen ? `?sale=${encodeURIComponent(chosen)}` : ""}`);
  stream.onmessage = (m) => take(JSON.parse(m.data));
  stream.onerror = () => {
    draw();
    if (stream.readyState === EventSource.CLOSED) setTimeout(start, retry); // refused: too many look, or the session has ended
  };
}

function take(message) {
  arrived = performance.now();
  if (message.chosen !== shownSale) {
    shownSale = message.chosen;
    curve = new Curve();
    timeline = new Timeline();
  }
  if (message.curve) curve = new Curve(message.curve);
  const sale = message.sale;
  if (sale) curve.add(Date.parse(message.site.time), sale.remaining, sale.held, sale.paid);
  announce(timeline.take(message.site.run, message.events));
  latest = message;
  schedule();
}

// schedule draws with the next picture that the screen shows: a page in the background draws nothing.
function schedule() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw() {
  if (!latest) return;
  const { site, sale } = latest;
  $("#board").hidden = false;
  drawHead(site, sale);
  $("#stock").hidden = $("#drain").hidden = !sale;
  if (sale) {
    drawStock(sale);
    drawCurve(curve, sale, Date.parse(site.time), timeline.events);
  }
  drawFigures(site, sale);
  drawNodes(site, sale);
  drawTimeline(timeline.events);
}

function drawHead(site, sale) {
  const title = sale ? sale.title || sale.id : latest.chosen || "No sale yet";
  put($("#title"), title);
  if (document.title !== `${title} – board`) document.title = `${title} – board`;
  const sales = site.sales.map((s) => ({ id: s.id, text: `${s.title || s.id} · ${count(s.remaining)} of ${count(s.total)} left · ${rate(s.per_second)}/s` }));
  if (sale && !site.sales.some((s) => s.id === sale.id)) sales.push({ id: sale.id, text: sale.title || sale.id });
  if (document.activeElement !== $("#sale")) { // a list that is open must not move
    options(sales, (s) => s.id);
    $("#sale").value = latest.chosen;
  }
  const quiet = performance.now() - arrived > 3000 || stream?.readyState !== EventSource.OPEN;
  const ledgers = (site.nodes.ledgers ?? []).filter((l) => l.ready !== undefined);
  const waited = Math.max(0, ...ledgers.map((l) => l.waited_seconds ?? 0));
  chips([
    quiet ? { key: "live", text: "no news: connecting", mark: "bad" } : { key: "live", text: "live", mark: "good" },
    site.leads ? { key: "leads", text: `${site.name} leads`, mark: "good" } : { key: "leads", text: `${site.name} stands by`, mark: "warn" },
    site.away ? { key: "redis", text: "Redis does not answer", mark: "bad" } : { key: "redis", text: "Redis answers", mark: "good" },
    ledgers.length ? { key: "ledger", text: `ledger lag ${age(waited)}`, mark: waited > 5 ? "bad" : "good" } : { key: "ledger", text: "no ledger", mark: "warn" },
    { key: "sales", text: `${count(site.count)} sales`, mark: "" },
  ], (c) => c.key);
  let notice = "";
  if (!site.leads) notice = site.leader ? `This allocator stands by and knows no stock. The one that leads is at ${site.leader}: open its board.` : "This allocator does not lead, and knows no stock.";
  else if (latest.chosen && !sale) notice = `No sale ${latest.chosen} is planned here. Choose another one.`;
  put($("#notice"), notice);
  $("#notice").hidden = notice === "";
}

function choose(id) {
  if (!id || id === latest?.chosen) return;
  chosen = id;
  history.replaceState(null, "", `?sale=${encodeURIComponent(id)}`);
  follow();
}

$("#sale").addEventListener("change", (e) => choose(e.target.value));
$("#choose").addEventListener("submit", (e) => {
  e.preventDefault();
  choose($("#other").value.trim() || $("#sale").value);
  $("#other").value = "";
});
$("#enter").addEventListener("submit", async (e) => {
  e.preventDefault();
  put($("#refused"), "");
  const token = $("#token").value;
  $("#token").value = "";
  try {
    const answer = await fetch("/board/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) });
    if (answer.ok && (await answer.json()).open) return start();
    put($("#refused"), "That is not the admin token. It is in the file of --admin-token-file.");
  } catch {
    put($("#refused"), "The allocator does not answer. Try again in a moment.");
  }
});
$("#curve-table").addEventListener("toggle", schedule);
addEventListener("resize", schedule);
setInterval(() => latest && performance.now() - arrived > 3000 && schedule(), 1000);
start();
