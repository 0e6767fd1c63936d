// Buttons that break parts of the site that onsale dev runs, and send it buyers. The product's allocators have none.

const every = 2000; // milliseconds between two looks at what runs

const make = (name, attributes = {}, ...children) => {
  const e = Object.assign(document.createElement(name), attributes);
  e.append(...children);
  return e;
};

const node = make("select", { id: "action-node" });
const buyers = make("input", { id: "action-buyers", type: "number", min: 1, max: 20000, value: 1000 });
const done = make("output");
done.setAttribute("role", "status");
const button = (text, name, query = () => "") => {
  const b = make("button", { type: "button" }, text);
  b.dataset.action = name;
  b.addEventListener("click", () => act(b, name, query()));
  return b;
};
const chosen = () => `?node=${encodeURIComponent(node.value)}`;
const kill = button("Kill", "kill-node", chosen), start = button("Start again", "start-node", chosen), add = button("Add a node", "add-node");
const redis = button("Kill Redis", "kill-redis"), allocator = button("Kill the allocator", "kill-allocator");
const crowd = button("Send buyers", "crowd", () => `?buyers=${encodeURIComponent(buyers.value)}`);
const label = (text, of) => make("label", { htmlFor: of.id }, text);
const hint = make("span", { className: "dim" }, "onsale dev --real kills nodes and the allocator, too.");
const bar = make("section", { id: "actions" }, make("h2", {}, "Try it"), label("Node", node), node, kill, start, add, redis, allocator, label("Buyers", buyers), buyers, crowd, hint, done);
bar.setAttribute("aria-label", "Break a part of this site, or send it buyers");
document.querySelector("header").after(bar);

const toggle = (b, runs, what) => {
  const [name, text] = runs ? [`kill-${b.dataset.what}`, `Kill ${what}`] : [`start-${b.dataset.what}`, `Start ${what} again`];
  if (b.dataset.action !== name) {
    b.dataset.action = name;
    b.textContent = text;
  }
};
redis.dataset.what = "redis";
allocator.dataset.what = "allocator";

function show(state) {
  const was = node.value;
  if (state.nodes.map((n) => n.name).join() !== [...node.options].map((o) => o.value).join()) {
    node.replaceChildren(...state.nodes.map((n) => make("option", { value: n.name }, n.name)));
    node.value = state.nodes.some((n) => n.name === was) ? was : state.nodes[0]?.name ?? "";
  }
  const runs = state.nodes.find((n) => n.name === node.value)?.runs;
  kill.disabled = !runs;
  start.disabled = runs !== false;
  for (const e of [node, node.previousSibling, kill, start, add, allocator]) e.hidden = !state.kills;
  hint.hidden = state.kills;
  toggle(redis, state.redis, "Redis");
  toggle(allocator, state.allocator, "the allocator");
}

async function look() {
  try {
    const answer = await fetch("/board/actions", { cache: "no-store" });
    show(await answer.json());
  } catch {
    done.textContent = "onsale dev does not answer";
  }
}

async function act(b, name, query) {
  name = b.dataset.action ?? name;
  done.textContent = "…";
  b.disabled = true;
  try {
    const answer = await fetch(`/board/actions/${name}${query}`, { method: "POST" });
    done.textContent = (await answer.text()).trim();
  } catch {
    done.textContent = "onsale dev does not answer";
  }
  b.disabled = false;
  await look();
}

node.addEventListener("change", look);
setInterval(look, every);
look();
