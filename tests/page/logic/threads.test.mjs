// Letters in their conversations, and the completion of addresses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { apply, newStore } from "../../../bridge/src/page/web/store.js";
import { beginning, completions, isGroupName, preview, threadsOf } from "../../../bridge/src/page/web/threads.js";

const letter = (id, from, to, more = {}) => ({ id, from, to, mine: from === "me", text: id, at: Number(id), order: Number(id), ...more });

test("by peer or group, unread first and then the latest", () => {
  const store = newStore();
  apply(store, {
    mail: [
      letter("1", "me", "bob"),
      letter("2", "bob", "me", { reply_to: "1" }),
      letter("3", "me", "role:reviewer", { group: "role:reviewer" }),
      letter("4", "carol", "me", { reply_to: "3" }),
      letter("5", "dave", "*", { group: "*", unread: true }),
      letter("6", "bob", "me"),
    ],
  });
  const threads = [...threadsOf(store).values()].map(({ name, letters, unread }) => [name, letters.map(({ id }) => id).join(""), unread]);
  assert.deepEqual(threads, [["dave", "5", 1], ["bob", "126", 0], ["role:reviewer", "34", 0]]);
});

test("letters are in the order in which they came, whatever their senders' clocks say", () => {
  const store = newStore();
  apply(store, { mail: [letter("3", "bob", "me", { at: 1 }), letter("1", "bob", "me", { at: 9 })], unread: [letter("2", "bob", "me", { text: undefined })] });
  assert.deepEqual(threadsOf(store).get("bob").letters.map(({ id }) => id), ["1", "2", "3"]);
});

test("names of groups", () => {
  assert.deepEqual(["bob", "role:x", "repo:y", "*", "a, b"].map(isGroupName), [false, true, true, true, true]);
});

test("completes groups and names, but not your own", () => {
  const store = newStore();
  const session = { online: true, state: "idle", reach: "pull", since: 1 };
  apply(store, { sessions: [{ ...session, id: "1", alias: "rob", role: "qa, docs", repo: "shop" }, { ...session, id: "2", alias: "me", you: true }] });
  assert.deepEqual(completions(store, ""), ["*", '"role:qa, docs"', "repo:shop", "rob"]);
  assert.deepEqual(completions(store, "R"), ["repo:shop", "rob"]);
  assert.deepEqual(completions(store, "", 1), ["*"]);
});

test("a letter without a text says what it is", () => {
  assert.equal(preview({ text: "a\nb" }), "a b");
  assert.equal(preview({ text: "" }), "attachment");
  assert.equal(preview({}), "not read yet");
  assert.equal(preview({ intent: "request" }), "asks you for an answer");
});

test("the beginning of a text is one line", () => {
  assert.equal(beginning("a\n  b\tc"), "a b c");
  assert.equal(beginning("x".repeat(100), 10), `${"x".repeat(10)}…`);
});
