// Drafts that survive a reload of the tab.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { forgetDraft, keepDraft, keptDraft } from "../../../bridge/src/page/web/drafts.js";

const draft = (more) => ({ to: "bob", text: "", ask: false, done: false, reply: null, files: [], error: "", ...more });

beforeEach(() => {
  const kept = new Map();
  globalThis.sessionStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key), kept };
});

test("a draft comes back as it was, without files and without a peer's words", () => {
  const reply = { id: "1", from: "bob", mine: false, intent: "request", text: "a secret of bob's" };
  keepDraft("bob", draft({ text: "hello", done: true, reply, files: [{}] }));
  assert.deepEqual(keptDraft("bob"), { to: "bob", text: "hello", ask: false, done: true, reply: { id: "1", from: "bob", mine: false, intent: "request" } });
  assert.ok(![...sessionStorage.kept.values()].some((value) => value.includes("secret")));
  assert.deepEqual(keptDraft("carol"), {});
});

test("what has nothing in it is forgotten, and a new message is kept for its receiver alone", () => {
  keepDraft("bob", draft({ text: "hello" }));
  keepDraft("bob", draft({ ask: true }));
  assert.deepEqual(keptDraft("bob"), {});
  keepDraft("", draft({ to: "role:reviewer" }));
  assert.equal(keptDraft("").to, "role:reviewer");
  forgetDraft("");
  assert.equal(sessionStorage.kept.size, 0);
});

test("storage that refuses, or holds what is no draft, breaks nothing", () => {
  globalThis.sessionStorage = { getItem: () => "[", setItem: () => { throw new Error("full"); }, removeItem() {} };
  keepDraft("bob", draft({ text: "hello" }));
  assert.deepEqual(keptDraft("bob"), {});
  globalThis.sessionStorage = { getItem: () => "null" };
  assert.deepEqual(keptDraft("bob"), {});
});
