// The bounded list of what goes on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Ring } from "../../../bridge/src/page/web/ring.js";

test("keeps the newest, and changes one in its place", () => {
  const ring = new Ring(3);
  for (const id of ["a", "b", "c", "d"]) assert.ok(ring.put({ id, at: 1, status: "accepted" }));
  assert.deepEqual(ring.newest(9).map(({ id }) => id), ["d", "c", "b"]);
  assert.ok(!ring.put({ id: "b", at: 5, status: "read" }));
  assert.deepEqual(ring.newest(9).map(({ id }) => id), ["d", "c", "b"]);
  assert.deepEqual(ring.newest(9)[2], { id: "b", at: 1, status: "read" });
});

test("gives at most as many as asked for, of those that fit", () => {
  const ring = new Ring(10);
  for (let id = 0; id < 10; id++) ring.put({ id: String(id), at: id });
  assert.deepEqual(ring.newest(2, ({ at }) => at % 2 === 0).map(({ at }) => at), [8, 6]);
});

test("200,000 items leave no more than the limit", () => {
  const ring = new Ring(500);
  for (let id = 0; id < 200_000; id++) ring.put({ id: String(id), at: id });
  assert.equal(ring.items.size, 500);
});
