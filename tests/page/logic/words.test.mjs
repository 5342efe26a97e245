// Words for times, sizes and statuses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, bytes, count, exact, isLost, machineTime, reachWords, stateWord, statusWord, until } from "../../../bridge/src/page/web/words.js";

test("times", () => {
  const spans = [0, 999, 1000, 59_999, 60_000, 3_599_999, 3_600_000, 86_400_000, -5000].map((span) => ago(0, span));
  assert.deepEqual(spans, ["now", "now", "1 s", "59 s", "1 min", "59 min", "1 h", "1 d", "now"]);
  assert.equal(until(60_000, 0), "1 min");
  assert.equal(until(0, 5000), "0 s");
  assert.equal(machineTime(0), "1970-01-01T00:00:00.000Z");
});

test("a time that is none gives no words", () => {
  for (const at of [NaN, Infinity, 1e300, undefined]) assert.equal(machineTime(at) + exact(at), "");
  assert.equal(ago(NaN, 0), "now");
});

test("sizes and numbers", () => {
  assert.deepEqual([256, 1024, 1536, 65_536, 16_777_216].map(bytes), ["256 bytes", "1.0 KiB", "1.5 KiB", "64.0 KiB", "16.0 MiB"]);
  // As commands write them, rounded down.
  assert.deepEqual([0, 1, 1023, 1535, 1_048_575].map(bytes), ["0 bytes", "1 byte", "1023 bytes", "1.4 KiB", "1023.9 KiB"]);
  assert.equal(count(1, "session"), "1 session");
  assert.equal(count(5000, "session"), "5,000 sessions");
});

test("statuses, also ones that a newer server has", () => {
  assert.equal(statusWord("accepted"), "accepted by the hub");
  assert.equal(statusWord("refused(inbox_full)"), "refused: inbox full");
  assert.equal(statusWord("something"), "something");
  assert.deepEqual(["read", "expired", "refused(gone)", undefined].map(isLost), [false, true, true, false]);
});

test("state and reach", () => {
  assert.equal(stateWord({ online: false, state: "busy" }), "away");
  assert.equal(stateWord({ online: true, state: "waiting-on-human" }), "waits for user");
  assert.deepEqual(reachWords({ reach: "push" }), ["Push", "messages wake it"]);
  assert.deepEqual(reachWords({ reach: "pull" }, { why: "no-way" }), ["Pull", "cannot be woken"]);
});
