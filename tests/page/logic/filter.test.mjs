// The search of sessions, and their order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fits, inOrder, kindOf, parseSearch } from "../../../bridge/src/page/web/filter.js";

const bob = { id: "1", alias: "Bob", online: true, state: "busy", repo: "shop", task: "Fix the login", reach: "push" };

test("all words must be there, in any field", () => {
  assert.ok(fits(bob, parseSearch("LOGIN bob")));
  assert.ok(!fits(bob, parseSearch("login carol")));
  assert.ok(fits(bob, parseSearch("   ")));
});

test("a word may name its field", () => {
  assert.ok(fits(bob, parseSearch("repo:sho state:busy")));
  assert.ok(!fits(bob, parseSearch("role:shop")));
  assert.ok(fits(bob, parseSearch("repo:")), "while it is typed");
  assert.ok(!fits(bob, parseSearch("http://x")), "another word with a colon is a word");
});

test("words of two fields are not one word", () => {
  assert.ok(!fits({ alias: "ab", client: "cd" }, parseSearch("abcd")));
});

test("counts each session as one kind", () => {
  assert.equal(kindOf(bob), "busy");
  assert.equal(kindOf({ ...bob, online: false }), "away");
  assert.equal(kindOf({ ...bob, state: "waiting-on-human" }), "waiting");
  assert.equal(kindOf({ ...bob, state: "unknown" }), "unknown");
});

test("you first, then your own, then who is online, each by name", () => {
  const list = [
    { alias: "zed", online: true },
    { alias: "away", online: false },
    { alias: "Amy", online: true },
    { alias: "own", online: false },
    { alias: "me", online: true, you: true },
  ];
  assert.deepEqual(inOrder(list, new Set(["own"])).map(({ alias }) => alias), ["me", "own", "Amy", "zed", "away"]);
});
