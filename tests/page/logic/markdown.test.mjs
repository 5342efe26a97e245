// Markdown: what is read, what stays as it is, and that hostile texts take no long time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parse } from "../../../bridge/src/page/web/markdown.js";

const text = (value) => ({ kind: "text", text: value });
const code = (value) => ({ kind: "code", text: value });

test("paragraphs, headings, lists and fenced code", () => {
  assert.deepEqual(parse("# Hi `x`\n\none\ntwo\n\n- a\n- b\n  more\n3. c\n\n```sh\nls  -l\n# no heading\n```\nend"), [
    { kind: "heading", spans: [text("Hi "), code("x")] },
    { kind: "text", spans: [text("one\ntwo")] },
    { kind: "list", ordered: false, first: 1, items: [[text("a")], [text("b"), text("\nmore")]] },
    { kind: "list", ordered: true, first: 3, items: [[text("c")]] },
    { kind: "code", text: "ls  -l\n# no heading" },
    { kind: "text", spans: [text("end")] },
  ]);
});

test("a fence that nothing closes goes to the end, and a longer one holds a shorter", () => {
  assert.deepEqual(parse("```\na"), [{ kind: "code", text: "a" }]);
  assert.deepEqual(parse("````\n```\nx\n````"), [{ kind: "code", text: "```\nx" }]);
  assert.deepEqual(parse("~~~\n```\n~~~"), [{ kind: "code", text: "```" }]);
});

test("links show their whole address", () => {
  assert.deepEqual(parse("see [here](javascript:alert(1)) and [b](https://x.example/y)."), [
    { kind: "text", spans: [text("see [here](javascript:alert(1)) and "), text("b"), { kind: "address", text: " (https://x.example/y)" }, text(".")] },
  ]);
});

test("everything else stays literally", () => {
  for (const literal of ["<b>x</b> **bold** _it_ &amp; | a | b |", "#no heading", "1.5 is no list", "a ` b", "> quoted", "[a] (b) ![", "``` a ``` b"]) {
    assert.equal(plain(parse(literal)), literal.replaceAll("``` a ```", " a "));
  }
});

test("inline code ends with as many backticks as it began", () => {
  assert.deepEqual(parse("``a ` b`` `c`")[0].spans, [code("a ` b"), text(" "), code("c")]);
});

test("nothing of a text is lost, whatever it is", () => {
  let seed = 1;
  const random = (below) => (seed = (seed * 16807) % 2147483647) % below;
  const pieces = ["a", " ", "\n", "\n\n", "`", "```", "~~~", "# ", "- ", "1. ", "[x](y)", "[", "](", "é", "  "];
  for (let round = 0; round < 3000; round++) {
    const source = Array.from({ length: random(30) }, () => pieces[random(pieces.length)]).join("");
    const letters = (value) => value.replace(/[^axyé]/g, "");
    assert.equal(letters(plain(parse(source))), letters(withoutInfo(source)), JSON.stringify(source));
  }
});

test("hostile texts of 64 KiB take a few milliseconds, and give few pieces", () => {
  const size = 65_536;
  const hostile = ["`", "`a", "`a` ", "[", "[a](", "[a](b", "# ", "# b\n", "- a\n", "- a\n# b\n", "~", "```\n", "~~~ ~", " ", "\n", "   x\n", "`".repeat(7) + " ", "1. ", "e\u0301"];
  const texts = hostile.map((piece) => piece.repeat(Math.ceil(size / piece.length)).slice(0, size));
  texts.push(Array.from({ length: 360 }, (_, at) => "`".repeat(at + 1)).join(" "));
  for (const source of texts) {
    const start = performance.now();
    const blocks = parse(source);
    const took = performance.now() - start;
    assert.ok(took < 150, `${JSON.stringify(source.slice(0, 12))} took ${took} ms`);
    assert.ok(count(blocks) < 1000, `${JSON.stringify(source.slice(0, 12))} gave ${count(blocks)} pieces`);
  }
});

/** The text behind the opening of a fence on its line is not shown. */
function withoutInfo(source) {
  const lines = source.split("\n");
  let fence = null;
  return lines
    .map((line) => {
      const end = line.trim();
      if (fence) {
        if (end.length >= fence.length && end === fence[0].repeat(end.length)) fence = null;
        return line;
      }
      const opening = /^ {0,3}(`{3,}|~{3,})[^`]*$/.exec(line);
      if (!opening) return line;
      fence = opening[1];
      return "";
    })
    .join("\n");
}

function plain(blocks) {
  const spans = (list) => list.map((span) => span.text).join("");
  return blocks
    .map((block) => (block.kind === "code" ? block.text : block.kind === "list" ? block.items.map(spans).join("\n") : spans(block.spans)))
    .join("\n");
}

function count(blocks) {
  return blocks.reduce((sum, block) => sum + 1 + (block.spans?.length ?? 0) + (block.items?.flat().length ?? 0), 0);
}
