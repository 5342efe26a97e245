// Places in the graph, and its pulses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fit, layOut, MOST_NODES } from "../../../bridge/src/page/web/layout.js";
import { MOST_PULSES, Pulses, RECENT } from "../../../bridge/src/page/web/pulses.js";

const sessions = (count, machines) => Array.from({ length: count }, (_, at) => ({ id: `id-${at}`, alias: `alias-${at}`, machine: `machine-${at % machines}`, since: at }));

test("the same sessions get the same places, in any order", () => {
  const list = sessions(60, 5);
  const placesOf = (layout) => new Map(layout.nodes.map(({ key, x, y }) => [key, `${x} ${y}`]));
  assert.deepEqual(placesOf(layOut(list, "machine")), placesOf(layOut(list.toReversed?.() ?? [...list].reverse(), "machine")));
});

test("groups do not overlap, and hold their sessions", () => {
  for (const [count, machines] of [[1, 1], [60, 5], [300, 40], [5000, 60], [5000, 1000]]) {
    const { groups, nodes } = layOut(sessions(count, machines), "machine");
    for (const [at, a] of groups.entries()) for (const b of groups.slice(at + 1)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > a.r + b.r);
    for (const node of nodes) assert.ok(Math.hypot(node.x - groups[node.group].x, node.y - groups[node.group].y) <= groups[node.group].r);
  }
});

test("with many sessions a group is one node, and every alias has a node", () => {
  const few = layOut(sessions(MOST_NODES, 7), "machine");
  assert.ok(few.single && few.nodes.length === MOST_NODES);
  const many = layOut(sessions(5000, 1000), "machine");
  assert.ok(!many.single && many.nodes.length === 80);
  assert.equal(many.nodes.reduce((sum, node) => sum + node.count, 0), 5000);
  assert.equal(many.ofAlias.size, 5000);
  assert.ok([...many.ofAlias.values()].every((at) => many.nodes[at]));
});

test("everything fits into the picture", () => {
  const { groups } = layOut(sessions(200, 12), "machine");
  const { scale, dx, dy } = fit(groups, 800, 500);
  for (const { x, y, r } of groups) {
    assert.ok((x - r) * scale + dx >= 0 && (x + r) * scale + dx <= 800);
    assert.ok((y - r) * scale + dy >= 0 && (y + r) * scale + dy <= 500);
  }
});

test("pulses and edges are bounded, and end", () => {
  const pulses = new Pulses();
  for (let at = 0; at < 200_000; at++) pulses.start(at % 70, (at * 7) % 71, at % 2 ? "send" : "back", 0, true);
  assert.equal(pulses.count, MOST_PULSES);
  assert.equal(pulses.pool.length, MOST_PULSES);
  assert.ok(pulses.edges.size <= 400 && pulses.more === 200_000 - MOST_PULSES);
  assert.ok(pulses.step(500));
  pulses.step(2000);
  assert.equal(pulses.count, 0);
  assert.ok(!pulses.step(1e6));
  assert.equal(pulses.more, 0);
});

test("an edge stays as a faint line for a minute behind its last message, and the one used longest ago goes first", () => {
  const pulses = new Pulses();
  pulses.start(1, 2, "send", 0, true);
  assert.ok(pulses.step(500), "it moves");
  assert.ok(!pulses.step(30_000), "it only fades");
  const [edge] = pulses.edges.values();
  assert.equal(Pulses.freshness(edge, 0), 1);
  assert.equal(Pulses.freshness(edge, RECENT / 2), 0.5);
  pulses.step(RECENT);
  assert.equal(pulses.edges.size, 0);
  pulses.trace(0, 1, 0);
  for (let at = 1; at < 400; at++) pulses.trace(at, at + 1, 0);
  pulses.trace(0, 1, 10);
  pulses.trace(500, 501, 10);
  assert.equal(pulses.edges.size, 400);
  assert.deepEqual([...pulses.edges.values()].slice(-2).map(({ from }) => from), [0, 500]);
  assert.ok(![...pulses.edges.values()].some(({ from }) => from === 1));
});

test("a receipt goes back along the edge of its message, and without motion only the edge shows it", () => {
  const pulses = new Pulses();
  pulses.start(1, 2, "send", 0, false);
  pulses.start(2, 1, "back", 0, false);
  assert.equal(pulses.count, 0);
  assert.deepEqual([...pulses.edges.values()].map(({ from, to }) => [from, to]), [[1, 2]]);
});
