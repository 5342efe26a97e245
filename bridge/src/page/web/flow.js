// What goes on: messages between sessions as a list or a graph. Rows of the list are used again for other messages, so that
// hundreds a second cost no more than the rows that are shown.

import { isShown, keepSetting, setting, store } from "./app.js";
import { byId, emptyState, h, setText, timeAgo } from "./dom.js";
import { arrange, runGraph, showStep, startGraph } from "./graph.js";
import { hubName, isConnecting } from "./hub.js";
import { bytes, clock, exact, isLost, machineTime, stepMeaning } from "./words.js";
import { ask, define } from "./work.js";

/** Rows at first, and with each press of the button. */
const PAGE = 50;
/** Rows that stay while something else is shown, because showing all again at once would take long. */
const SCREEN = 10;
/** Milliseconds between two renderings of the list, and of the graph's places. */
const CALM = 250;
const REARRANGE = 1500;

const search = /** @type {HTMLInputElement} */ (byId("flow-search"));
const pause = byId("flow-pause");
const rows = byId("flow-rows");
let view = setting("page-flow") === "graph" ? "graph" : "list";
let shown = PAGE;
/** What the list shows while it is paused. */
let paused = null;
let pausedAt = 0;
const cells = [];

export function startFlow() {
  startGraph();
  define("flow", render);
  define("graph", function* () {
    if (isShown("flow") && view === "graph") yield* arrange(byId("flow-by").value);
  });
  define("notes", renderNotes);
  byId("flow-as-list").onclick = () => choose("list");
  byId("flow-as-graph").onclick = () => choose("graph");
  byId("flow-by").onchange = () => ask("graph");
  pause.onclick = togglePause;
  search.oninput = () => ask("flow");
  byId("flow-more").onclick = () => {
    shown += PAGE;
    ask("flow");
  };
}

/** Steps of messages have come. */
export function flowChanged(messages) {
  const fresh = store.freshFlow;
  store.freshFlow = new Set();
  if (!isShown("flow") || document.hidden) return;
  if (view === "graph" && !paused) for (const message of messages) showStep(message, fresh.has(message.id));
  ask("flow", CALM);
}

/** Sessions have come, gone or changed. */
export function graphChanged() {
  if (isShown("flow") && view === "graph") ask("graph", REARRANGE);
}

/** The section is shown now, or not. */
export function showFlow() {
  const on = isShown("flow");
  runGraph(on && view === "graph" && store.hub.flow);
  if (!on || view === "graph") while (cells.length > SCREEN) removeRow();
  if (!on) return;
  ask("flow");
  ask("notes");
  ask("graph");
}

function choose(name) {
  view = name;
  keepSetting("page-flow", name);
  showFlow();
}

export function togglePause() {
  paused = paused ? null : store.flow.newest(store.flow.limit);
  pausedAt = store.flowTotal;
  pause.setAttribute("aria-pressed", String(paused !== null));
  runGraph(isShown("flow") && view === "graph" && !paused);
  ask("flow");
  ask("graph");
}

function* render() {
  if (!isShown("flow")) return;
  for (const name of ["list", "graph"]) {
    byId(`flow-as-${name}`).setAttribute("aria-pressed", String(view === name));
    byId(`flow-${name}`).hidden = view !== name || !store.hub.flow;
  }
  byId("flow-by-label").hidden = view !== "graph";
  const missed = store.flowTotal - pausedAt;
  setText(pause, paused ? `Resume${missed ? ` (${missed.toLocaleString("en")} new)` : ""}` : "Pause");
  pause.hidden = !store.hub.flow;
  search.hidden = !store.hub.flow || view === "graph";
  const wanted = search.value.trim().toLowerCase();
  const fits = ({ from, to }) => !wanted || from.toLowerCase().includes(wanted) || to.toLowerCase().includes(wanted);
  const list = paused ? paused.filter(fits) : store.flow.newest(store.flow.limit, fits);
  const nothing = byId("flow-empty");
  nothing.hidden = list.length > 0 || (view === "graph" && store.hub.flow);
  if (isConnecting()) emptyState(nothing, `Connecting to ${hubName()}…`);
  else if (!store.hub.flow) emptyState(nothing, "This hub does not show its messages here", "Activity is shown only on the hub's own machine. This hub is on another machine, or its version is too old.");
  else if (wanted) emptyState(nothing, "No message matches", "The last 500 messages are kept. Try a shorter search.");
  else emptyState(nothing, "No messages yet", "Messages between sessions appear here. Write one: `junction-bridge send NAME hello`, or choose Messages.");
  if (view === "graph") return;
  rows.parentElement.hidden = list.length === 0;
  byId("flow-more").hidden = list.length <= shown;
  const count = Math.min(shown, list.length);
  while (cells.length > count) {
    removeRow();
    if (cells.length % 20 === 0) yield;
  }
  yield;
  for (let at = 0; at < count; at++) {
    const isNew = at === cells.length;
    fill(isNew ? addRow() : cells[at], list[at]);
    if (isNew || at % 5 === 4) yield isNew ? 1 : 0;
  }
}

function addRow() {
  const time = h("time");
  const from = h("bdi");
  const to = h("bdi");
  const cell = (attributes, ...children) => h("td", { role: "cell", ...attributes }, ...children);
  const size = cell({ class: "num" });
  const status = cell({});
  const row = { time, from, to, size, status, message: null };
  rows.append(h("tr", { role: "row" }, cell({}, time), cell({}, from), cell({}, to), size, status));
  cells.push(row);
  return row;
}

function removeRow() {
  rows.lastElementChild.remove();
  cells.pop();
}

function fill(row, message) {
  const before = row.message;
  if (before === message) return;
  row.message = message;
  if (before?.at !== message.at) {
    setText(row.time, clock(message.at));
    row.time.dateTime = machineTime(message.at);
    row.time.title = exact(message.at);
  }
  if (before?.from !== message.from) setText(row.from, message.from);
  if (before?.to !== message.to) setText(row.to, message.to);
  if (before?.size !== message.size) setText(row.size, `up to ${bytes(message.size)}`);
  if (before?.status !== message.status) {
    setText(row.status, message.status);
    row.status.title = stepMeaning(message.status);
    row.status.className = isLost(message.status) ? "never" : message.status === "read" ? "read" : "";
  }
}

function* renderNotes() {
  if (!isShown("flow")) return;
  byId("notes").hidden = store.notes.length === 0;
  byId("notes-list").replaceChildren(...store.notes.slice(-8).reverse().map((note) => h("li", {}, timeAgo(note.at), h("bdi", {}, note.text))));
}
