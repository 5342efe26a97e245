// Makes and changes elements. Texts go in as text nodes only.

import { ago, exact, machineTime, until } from "./words.js";

/** The element with this id. */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * An element with attributes and children. `on…` is a listener, `true` an attribute without a value; null and false are none.
 * @param {string} name
 * @param {Record<string, any>} [attributes]
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/** One of the page's icons. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A peer's words, isolated from the direction of what is around them. */
export function bdi(text, attributes = {}) {
  return h("bdi", attributes, text);
}

/** A path, name or address, which may be broken behind each of its parts, but not within one. */
export function parts(text) {
  const pieces = text.split(/(?<=[/_.:@-])(?=[^/_.:@-])/);
  return h("bdi", {}, ...pieces.flatMap((piece, at) => (at ? [h("wbr"), piece] : [piece])));
}

/** Sets a text if it is another one. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides an element, and sets its text. */
export function show(element, text) {
  element.hidden = !text;
  setText(element, text || "");
}

/** A time in the past, as "3 min". */
export function timeAgo(at) {
  const now = Date.now();
  return h("time", { datetime: machineTime(at), title: exact(at), "data-at": at }, ago(at, now));
}

/** A time in the future, as "3 min". */
export function timeUntil(at) {
  const now = Date.now();
  return h("time", { datetime: machineTime(at), title: exact(at), "data-until": at }, until(at, now));
}

/** Brings the times in an element up to date. */
export function tick(root) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-at]")) setText(time, ago(Number(time.dataset.at), now));
  for (const time of root.querySelectorAll("time[data-until]")) setText(time, until(Number(time.dataset.until), now));
}

/**
 * Gives `parent` one child for each item, in this order, and keeps those that it has. Yields after each.
 * @param {HTMLElement} parent
 * @param {any[]} items
 * @param {{key: (item: any) => string, make: (item: any) => HTMLElement, update: (child: any, item: any) => void}} how
 */
export function* keep(parent, items, { key, make, update }) {
  const wanted = new Map(items.map((item) => [key(item), item]));
  const known = new Map();
  const focused = parent.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key) && !known.has(child.dataset.key)) known.set(child.dataset.key, child);
    else child.remove();
  }
  yield;
  let next = parent.firstElementChild;
  for (const [id, item] of wanted) {
    let child = known.get(id);
    if (!child) {
      child = make(item);
      child.dataset.key = id;
    }
    const isInPlace = child === next;
    if (isInPlace) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    update(child, item);
    yield isInPlace ? 0 : 1;
  }
  if (focused?.isConnected && document.activeElement === document.body) focused.focus();
}

/** Lets arrow keys move the focus among the elements of `selector` in `root`. */
export function arrows(root, selector) {
  root.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...root.querySelectorAll(selector)];
    const at = all.indexOf(document.activeElement?.closest(selector));
    if (at < 0) return;
    event.preventDefault();
    all[Math.min(all.length - 1, Math.max(0, at + step))].focus();
  });
}

/** An empty state: what is so, and what to do next. A piece between backticks is shown as code. */
export function emptyState(element, title, ...lines) {
  const shown = [title, ...lines].join("\n");
  if (element.dataset.shown === shown) return;
  element.dataset.shown = shown;
  element.replaceChildren(
    h("strong", {}, title),
    ...lines.map((line) => h("p", {}, ...line.split("`").map((piece, at) => (at % 2 ? h("code", {}, piece) : piece)))),
  );
}
