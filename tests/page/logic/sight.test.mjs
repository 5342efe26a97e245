// What tabs tell of letters that come into sight and leave it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SightNews } from "../../../bridge/src/page/web/sight.js";

test("of each letter the last word is told, so that none is wanted and missed at once", () => {
  const news = new SightNews();
  assert.equal(news.note("wanted", "a"), true);
  assert.equal(news.note("wanted", "b"), false);
  news.note("missed", "a");
  news.note("missed", "c");
  news.note("wanted", "c");
  assert.deepEqual(news.take(), { wanted: ["b", "c"], shown: [], missed: ["a"] });
  assert.deepEqual(news.take(), { wanted: [], shown: [], missed: [] });
  assert.equal(news.note("shown", "b"), true, "the last was told");
});
