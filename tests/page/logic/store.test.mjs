// Frames of the server, and what the page knows after them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { allLetters, apply, isOpenRequest, letterOf, newStore, waiting } from "../../../bridge/src/page/web/store.js";

const session = (id, more = {}) => ({ id, alias: `alias-${id}`, online: true, state: "idle", reach: "push", since: 1, ...more });
const letter = (id, more = {}) => ({ id, from: "bob", to: "me", mine: false, text: "hello", at: 1, ...more });
const HELLO = { you: { alias: "me", fingerprint: "f" }, hub: { name: "local", flow: true, local: true }, limits: { message: 10, attachment: 20, attachments: 2 } };

test("hello forgets everything", () => {
  const store = newStore();
  apply(store, { sessions: [session("a")], mail: [letter("1")], own: [{ alias: "x" }] });
  const changed = apply(store, { hello: HELLO });
  assert.equal(store.sessions.size, 0);
  assert.equal(store.letters.size, 0);
  assert.equal(store.own.size, 0);
  assert.equal(store.limits.message, 10);
  assert.ok(changed.has("sessions") && changed.has("mail"));
});

test("a snapshot in parts replaces all with its last part", () => {
  const store = newStore();
  apply(store, { sessions: [session("old"), session("a")] });
  apply(store, { sessions: [session("a")], part: 1, of: 2 });
  assert.ok(store.sessions.has("old"));
  apply(store, { sessions: [session("b")], part: 2, of: 2 });
  assert.deepEqual([...store.sessions.keys()], ["a", "b"]);
});

test("what changes between two parts stays", () => {
  const store = newStore();
  apply(store, { sessions: [session("a")], part: 1, of: 2 });
  apply(store, { changed: [session("a", { state: "busy" })] });
  apply(store, { sessions: [session("b")], part: 2, of: 2 });
  assert.equal(store.sessions.get("a").state, "busy");
});

test("sessions change and leave, and only some changes are of their order", () => {
  const store = newStore();
  apply(store, { sessions: [session("a"), session("b")] });
  const before = store.order;
  apply(store, { changed: [session("a", { state: "busy", task: "t" })] });
  assert.equal(store.order, before);
  apply(store, { changed: [session("a", { online: false })] });
  assert.ok(store.order > before);
  apply(store, { left: ["a"] });
  assert.deepEqual([...store.sessions.keys()], ["b"]);
});

test("messages are counted once", () => {
  const store = newStore();
  apply(store, { messages: [{ id: "1", from: "a", to: "b", size: 256, status: "accepted", at: 1 }] });
  apply(store, { messages: [{ id: "1", from: "a", to: "b", size: 256, status: "read", at: 2 }] });
  assert.equal(store.flowTotal, 1);
  assert.deepEqual([...store.freshFlow], ["1"]);
});

test("notes and letters are bounded", () => {
  const store = newStore();
  for (let at = 0; at < 200; at++) apply(store, { notes: [{ at, text: "n" }] });
  assert.equal(store.notes.length, 50);
  apply(store, { mail: Array.from({ length: 1200 }, (_, at) => letter(String(at), { text: "x".repeat(10) })) });
  assert.equal(store.letters.size, 1000);
  assert.equal(store.characters, 10_000);
  apply(store, { mail: Array.from({ length: 200 }, (_, at) => letter(`big ${at}`, { text: "x".repeat(65_536) })) });
  assert.ok(store.characters <= 8e6);
});

test("what is unread, and what waits for an answer", () => {
  const store = newStore();
  const asked = letter("1", { intent: "request" });
  apply(store, { mail: [asked, letter("2", { unread: true }), letter("3"), letter("4", { mine: true })] });
  assert.ok(isOpenRequest(asked));
  assert.ok(!isOpenRequest({ ...asked, answered: true }) && !isOpenRequest({ ...asked, mine: true }));
  assert.deepEqual(waiting(store), { unread: 1, requests: 1 });
  // What waits without a text counts as well, and once.
  const heads = [{ ...letter("2"), text: undefined, unread: true }, { ...letter("5"), text: undefined, unread: true }];
  apply(store, { unread: heads });
  assert.deepEqual(waiting(store), { unread: 2, requests: 1 });
  assert.deepEqual([letterOf(store, "2").text, letterOf(store, "5").text], ["hello", undefined]);
  assert.deepEqual([...allLetters(store)].map(({ id }) => id), ["1", "2", "3", "4", "5"]);
  apply(store, { unread: [], mail: [letter("2"), letter("5")] });
  assert.deepEqual(waiting(store), { unread: 0, requests: 1 });
});

test("a text that nobody has seen is taken back, and its letter waits as before", () => {
  const store = newStore();
  apply(store, { unread: [letter("1", { text: undefined, unread: true })], mail: [letter("1", { unread: true })] });
  assert.equal(letterOf(store, "1").text, "hello");
  apply(store, { taken_back: ["1", "9"] });
  assert.deepEqual([letterOf(store, "1").text, store.characters, waiting(store).unread], [undefined, 0, 1]);
});
