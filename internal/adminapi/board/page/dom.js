// What the parts share to draw with. Elements are kept and changed, so that a page that is open for days stays as it is.

export const $ = (selector, from = document) => from.querySelector(selector);

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

export function svg(name, attributes = {}) {
  return set(document.createElementNS("http://www.w3.org/2000/svg", name), attributes);
}

export function set(element, attributes) {
  for (const [k, v] of Object.entries(attributes)) {
    const text = String(v);
    if (element.getAttribute(k) !== text) element.setAttribute(k, text);
  }
  return element;
}

// list keeps one child of parent for each item, in the items' order.
export function list(parent, make, update) {
  const known = new Map();
  return (items, key) => {
    const wanted = new Set();
    let at = parent.firstElementChild;
    for (const item of items) {
      const k = key(item);
      wanted.add(k);
      let child = known.get(k);
      if (!child) known.set(k, (child = make(item)));
      update(child, item);
      if (child === at) at = at.nextElementSibling;
      else parent.insertBefore(child, at);
    }
    for (const [k, child] of known) {
      if (!wanted.has(k)) {
        child.remove();
        known.delete(k);
      }
    }
  };
}

// row makes a table's row of so many cells; cells fills it.
export function row(cells) {
  const tr = document.createElement("tr");
  tr.append(make("th", { scope: "row" }));
  for (let i = 1; i < cells; i++) tr.append(document.createElement("td"));
  return tr;
}

export function cells(tr, texts, marks = {}) {
  texts.forEach((text, i) => {
    put(tr.children[i], text);
    const mark = marks[i] ?? "";
    if (tr.children[i].className !== mark) tr.children[i].className = mark;
  });
}
