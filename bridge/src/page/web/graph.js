// The graph of what goes on: draws sessions, groups and messages on a canvas. The list says the same in words.

import { store } from "./app.js";
import { byId, setText } from "./dom.js";
import { kindOf } from "./filter.js";
import { fit, layOut, MOST_NODES } from "./layout.js";
import { Pulses, RECENT } from "./pulses.js";
import { count, isLost, stateWord } from "./words.js";
import { ask } from "./work.js";

/** Pixels between two sessions from which each has its name below it. */
const ROOM_FOR_NAMES = 50;
/** Milliseconds between two frames of a graph with much on it, and of one on which lines only fade. */
const CALM_FRAME = 30;
const FADING_FRAME = 2000;
/** Milliseconds behind a message in which it is still shown as it goes. */
const STALE = 3000;

const canvas = /** @type {HTMLCanvasElement} */ (byId("graph"));
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
// What seldom changes: the groups below the edges, and the sessions above them.
const below = document.createElement("canvas");
const above = document.createElement("canvas");
const tip = byId("graph-tip");
const pulses = new Pulses();
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
let placed = layOut([], "machine");
let colours = {};
let names = 0;
let width = 0;
let height = 0;
let frame = 0;
let fading = 0;
let drawn = 0;
let running = false;
let placedFor = "";
let hovered = -1;

export function startGraph() {
  const again = () => ask("graph");
  new ResizeObserver(again).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new MutationObserver(again).observe(document.documentElement, { attributes: true });
  canvas.addEventListener("pointermove", (event) => hover(event.offsetX, event.offsetY));
  canvas.addEventListener("pointerleave", () => hover(-1000, -1000));
}

/** Draws from now on, or no more. */
export function runGraph(on) {
  if (on && !running) recall();
  running = on;
  if (!on) pulses.clear();
}

/** Places the sessions of the store if they are others than before, and draws them. */
export function* arrange(by) {
  const box = canvas.getBoundingClientRect();
  if (box.width === 0) return;
  width = Math.round(box.width);
  height = Math.round(box.height);
  const key = [store.order, by, width, height].join();
  if (key !== placedFor) {
    placedFor = key;
    place(by);
    yield;
    describe(by);
  }
  drawStill();
  wake();
}

function place(by) {
  const before = placed.nodes.map((node) => node.key).join();
  placed = layOut(store.sessions.values(), by, Math.max(0.6, Math.min(2.4, width / height)));
  const { scale, dx, dy } = fit(placed.groups, width, height);
  names = scale * 2.1;
  for (const item of [...placed.groups, ...placed.nodes]) {
    item.x = item.x * scale + dx;
    item.y = item.y * scale + dy;
    item.r *= scale;
  }
  for (const node of placed.nodes) if (placed.single) node.r = Math.min(9, Math.max(3, node.r));
  if (before !== placed.nodes.map((node) => node.key).join() || pulses.edges.size === 0) recall();
}

/** Draws the faint lines of the messages that went before the graph was there, or before its nodes changed. */
function recall() {
  pulses.clear();
  const [now, clock] = [performance.now(), Date.now()];
  for (const { from, to, at } of store.flow.newest(store.flow.limit, (message) => clock - message.at < RECENT).reverse()) {
    const [a, b] = [placed.ofAlias.get(from), placed.ofAlias.get(to)];
    if (a !== undefined && b !== undefined) pulses.trace(a, b, now - (clock - at));
  }
}

/**
 * A message of what goes on has made a step. Its first one may be any, since steps are gathered: a message that was opened at once
 * comes as opened.
 */
export function showStep({ from, to, status, at }, isFirst) {
  if (!running || document.hidden) return;
  const a = placed.ofAlias.get(from);
  const b = placed.ofAlias.get(to);
  if (a === undefined || b === undefined) return;
  const motion = !stillness.matches;
  const now = performance.now();
  const age = Date.now() - at;
  // What was before the tab was looked at is only a line.
  if (isFirst && age > STALE) {
    if (age < RECENT) pulses.trace(a, b, now - age);
    return wake();
  }
  if (isFirst) pulses.start(a, b, "send", now, motion);
  if (status === "read") pulses.start(b, a, "back", now, motion);
  else if (isLost(status)) pulses.start(a, b, "lost", now, motion);
  wake();
}

function wake() {
  frame ||= requestAnimationFrame(draw);
}

function describe(by) {
  const what = placed.single ? "sessions" : "groups, because there are more than " + MOST_NODES + " sessions";
  const names = placed.groups.slice(0, 8).map((group) => `${group.label}: ${group.count}`).join(", ");
  canvas.setAttribute("aria-label", `Graph of ${count(store.sessions.size, "session")} by ${by === "repo" ? "repository" : "machine"}. ${names}${placed.groups.length > 8 ? ", and others" : ""}. The list says what goes on in words.`);
  setText(byId("graph-lead"), `${placed.nodes.length} ${what}`);
}

/** What seldom changes is drawn once: groups, nodes and names. */
function drawStill() {
  const ratio = Math.min(2, devicePixelRatio || 1);
  for (const each of [canvas, below, above]) {
    each.width = Math.round(width * ratio);
    each.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const [ground, pen] = [below, above].map((each) => /** @type {CanvasRenderingContext2D} */ (each.getContext("2d")));
  ground.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(canvas);
  const probe = (name) => {
    tip.style.color = `var(${name})`;
    return getComputedStyle(tip).color;
  };
  colours = { ink: probe("--ink"), muted: probe("--muted"), accent: probe("--accent"), soft: probe("--soft"), ground: probe("--ground"), line: probe("--line"), edge: probe("--edge"), bad: probe("--bad"), warn: probe("--warn"), surface: probe("--surface") };
  tip.style.color = "";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const group of placed.groups) {
    circle(ground, group.x, group.y, group.r + 4, placed.single ? colours.ground : colours.soft);
    ground.strokeStyle = colours.line;
    ground.stroke();
    pen.fillStyle = colours.muted;
    pen.font = `12px ${style.fontFamily}`;
    pen.fillText(short(group.label, Math.max(10, group.r / 3)), group.x, group.y + group.r + 14);
    if (placed.single) continue;
    pen.fillStyle = colours.ink;
    pen.font = `600 13px ${style.fontFamily}`;
    pen.fillText(group.count.toLocaleString("en"), group.x, group.y);
  }
  if (!placed.single) return;
  pen.font = `11px ${style.fontFamily}`;
  for (const node of placed.nodes) {
    const session = store.sessions.get(node.key);
    const busy = session?.online && session.state === "busy";
    const waits = session?.online && session.state === "waiting-on-human";
    circle(pen, node.x, node.y, node.r, busy ? colours.accent : waits ? colours.warn : session?.online ? colours.surface : colours.ground);
    if (session && kindOf(session) === "unknown") circle(pen, node.x, node.y, node.r * 0.5, colours.edge);
    pen.beginPath();
    pen.arc(node.x, node.y, node.r, 0, 2 * Math.PI);
    pen.lineWidth = 1.5;
    pen.strokeStyle = busy ? colours.accent : waits ? colours.warn : colours.edge;
    pen.setLineDash(session?.online ? [] : [2, 2]);
    pen.stroke();
    pen.setLineDash([]);
    if (names < ROOM_FOR_NAMES) continue;
    pen.fillStyle = colours.ink;
    pen.fillText(short(node.label, names / 5), node.x, node.y + node.r + 9);
  }
}

function short(text, most) {
  const room = Math.max(3, Math.floor(most));
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}

function circle(pen, x, y, r, colour) {
  pen.beginPath();
  pen.arc(x, y, r, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
}

function draw(now) {
  frame = 0;
  if (!running || document.hidden) return;
  if (pulses.count > 60 && now - drawn < CALM_FRAME) return wake();
  drawn = now;
  const more = pulses.step(now);
  context.clearRect(0, 0, width, height);
  context.drawImage(below, 0, 0, width, height);
  context.lineCap = "round";
  const { nodes } = placed;
  const strength = pulses.edges.size > 100 ? 1 : 2;
  for (const edge of pulses.edges.values()) {
    const a = nodes[edge.from];
    const b = nodes[edge.to];
    if (!a || !b) continue;
    const faint = 0.3 * Pulses.freshness(edge, now);
    context.globalAlpha = Math.min(0.8, faint + Math.min(1, edge.heat) * 0.12 * strength + edge.heat * 0.16 * strength);
    context.strokeStyle = edge.lost > 0.2 ? colours.bad : colours.accent;
    context.lineWidth = 1 + edge.heat * 0.45;
    context.beginPath();
    bend(a, b);
    context.stroke();
  }
  context.globalAlpha = 1;
  context.drawImage(above, 0, 0, width, height);
  for (const kind of ["send", "back", "lost"]) drawPulses(kind, now);
  if (hovered >= 0 && nodes[hovered]) {
    context.strokeStyle = colours.ink;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(nodes[hovered].x, nodes[hovered].y, nodes[hovered].r + 4, 0, 2 * Math.PI);
    context.stroke();
  }
  if (pulses.more > 0) setText(byId("graph-lead"), `${nodes.length} nodes, ${pulses.more.toLocaleString("en")} messages shown by their edge only`);
  clearTimeout(fading);
  if (more) wake();
  else if (pulses.edges.size > 0) fading = setTimeout(wake, FADING_FRAME);
}

/** The way from one node to another, a little bent, so that there and back are two ways. A node's way to itself is a loop. */
function bend(a, b) {
  context.moveTo(a.x, a.y);
  if (a === b) return context.arc(a.x, a.y - a.r, a.r * 0.7 + 4, Math.PI / 2, Math.PI * 2.5);
  const [x, y] = middle(a, b);
  context.quadraticCurveTo(x, y, b.x, b.y);
}

function middle(a, b) {
  return [(a.x + b.x) / 2 - (b.y - a.y) * 0.12, (a.y + b.y) / 2 + (b.x - a.x) * 0.12];
}

function drawPulses(kind, now) {
  context.beginPath();
  for (let at = 0; at < pulses.count; at++) {
    const pulse = pulses.pool[at];
    if (pulse.kind !== kind) continue;
    const from = placed.nodes[pulse.from];
    const to = placed.nodes[pulse.to];
    if (!from || !to) continue;
    const t = Pulses.progress(pulse, now);
    let x;
    let y;
    if (from === to) {
      const angle = Math.PI / 2 + t * 2 * Math.PI;
      x = from.x + Math.cos(angle) * (from.r * 0.7 + 4);
      y = from.y - from.r + Math.sin(angle) * (from.r * 0.7 + 4);
    } else {
      // A receipt goes back on the way that its message came.
      const [mx, my] = kind === "back" ? middle(to, from) : middle(from, to);
      const u = 1 - t;
      x = u * u * from.x + 2 * u * t * mx + t * t * to.x;
      y = u * u * from.y + 2 * u * t * my + t * t * to.y;
    }
    context.moveTo(x + 4, y);
    context.arc(x, y, 4, 0, 2 * Math.PI);
  }
  context.fillStyle = kind === "back" ? colours.surface : kind === "lost" ? colours.bad : colours.accent;
  context.fill();
  if (kind !== "back") return;
  context.strokeStyle = colours.accent;
  context.lineWidth = 2;
  context.stroke();
}

function hover(x, y) {
  hovered = placed.nodes.findIndex((node) => Math.hypot(node.x - x, node.y - y) < node.r + 5);
  tip.hidden = hovered < 0;
  if (hovered >= 0) {
    const node = placed.nodes[hovered];
    const session = store.sessions.get(node.key);
    setText(tip, session ? `${session.alias}: ${stateWord(session)}${session.task ? `. ${session.task.slice(0, 120)}` : ""}` : `${node.label}: ${count(node.count, "session")}`);
    tip.style.left = `${Math.min(x + 14, width - 200)}px`;
    tip.style.top = `${y + 14}px`;
  }
  wake();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) pulses.clear();
  else wake();
});
