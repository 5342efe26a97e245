// Reads the little of Markdown that agents write: fenced code, inline code, lists, headings and links. What comes out is a
// list of blocks of plain strings; whatever is not one of these stays literally as it is. Linear for any input. No DOM here.

/**
 * @typedef {{kind: "text" | "code" | "address", text: string}} Span
 * @typedef {{kind: "text" | "heading", spans: Span[]} | {kind: "code", text: string}
 *   | {kind: "list", ordered: boolean, first: number, items: Span[][]}} Block
 */

/** Spans and blocks of one text. What is beyond is one block of plain text. */
const MOST_PIECES = 150;
/** A line that is longer opens or closes no fence. */
const LONGEST_FENCE = 200;

/**
 * @param {string} text
 * @returns {Block[]}
 */
export function parse(text) {
  const lines = text.split("\n");
  /** @type {Block[]} */
  const blocks = [];
  let plain = [];
  let pieces = 0;
  const spansOf = (line) => {
    const spans = inline(line, MOST_PIECES - pieces);
    pieces += spans.length;
    return spans;
  };
  const endText = () => {
    const paragraph = trimBlankLines(plain).join("\n");
    if (paragraph) blocks.push({ kind: "text", spans: spansOf(paragraph) });
    plain = [];
  };
  for (let at = 0; at < lines.length; at++) {
    if (pieces > MOST_PIECES) {
      endText();
      blocks.push({ kind: "text", spans: [{ kind: "text", text: lines.slice(at).join("\n") }] });
      return blocks;
    }
    const line = lines[at];
    const fence = line.length > LONGEST_FENCE ? null : /^ {0,3}(`{3,}|~{3,})[^`]*$/.exec(line);
    const heading = fence ? null : /^ {0,3}#{1,6} +(?=\S)/.exec(line);
    const item = fence || heading ? null : /^ {0,6}(?:[-*+]|(\d{1,6})[.)]) +(?=\S)/.exec(line);
    if (fence) {
      endText();
      const from = at + 1;
      const end = /** @type {string} */ (fence[1]);
      at = from;
      while (at < lines.length && !closes(lines[at], end)) at++;
      pieces++;
      blocks.push({ kind: "code", text: lines.slice(from, at).join("\n") });
    } else if (heading) {
      endText();
      blocks.push({ kind: "heading", spans: spansOf(line.slice(heading[0].length)) });
    } else if (item) {
      endText();
      const ordered = item[1] !== undefined;
      const last = blocks.at(-1);
      const spans = spansOf(line.slice(item[0].length));
      if (last?.kind === "list" && last.ordered === ordered) last.items.push(spans);
      else blocks.push({ kind: "list", ordered, first: Number(item[1] ?? 1), items: [spans] });
    } else if (plain.length === 0 && /^ {2,}\S/.test(line) && blocks.at(-1)?.kind === "list") {
      // A line below an item, set in: it goes on.
      blocks.at(-1).items.at(-1).push({ kind: "text", text: `\n${line.trim()}` });
    } else {
      plain.push(line);
      if (line === "" && plain.length > 1) endText();
    }
  }
  endText();
  return blocks;
}

function closes(line, fence) {
  if (line.length > LONGEST_FENCE) return false;
  const end = line.trim();
  return end.length >= fence.length && end === fence[0].repeat(end.length);
}

function trimBlankLines(lines) {
  let from = 0;
  let to = lines.length;
  while (from < to && lines[from].trim() === "") from++;
  while (to > from && lines[to - 1].trim() === "") to--;
  return lines.slice(from, to);
}

/** Inline code, and links as their text with the whole address behind it. */
function inline(text, most) {
  /** @type {Span[]} */
  const spans = [];
  const runs = backticks(text);
  const token = /(`+)|\[([^\[\]\n`]{1,300})\]\(([^\s()<>`]{1,2000})\)/g;
  let from = 0;
  let found;
  while (spans.length < most && (found = token.exec(text))) {
    let span;
    let end = token.lastIndex;
    if (found[1]) {
      const close = closing(runs.get(found[1].length), end);
      if (close < 0) continue;
      span = [{ kind: "code", text: text.slice(end, close) }];
      end = close + found[1].length;
    } else {
      span = [{ kind: "text", text: found[2] }, { kind: "address", text: ` (${found[3]})` }];
    }
    if (found.index > from) spans.push({ kind: "text", text: text.slice(from, found.index) });
    spans.push(...span);
    token.lastIndex = from = end;
  }
  if (from < text.length) spans.push({ kind: "text", text: text.slice(from) });
  return spans;
}

/** Where runs of backticks begin, by their length. Found once, so that no text has them looked for again and again. */
function backticks(text) {
  /** @type {Map<number, {at: number[], next: number}>} */
  const runs = new Map();
  for (const { 0: run, index } of text.matchAll(/`+/g)) {
    if (!runs.has(run.length)) runs.set(run.length, { at: [], next: 0 });
    runs.get(run.length).at.push(index);
  }
  return runs;
}

/** Where the next of these runs begins, or -1. */
function closing(runs, from) {
  while (runs.next < runs.at.length && runs.at[runs.next] < from) runs.next++;
  return runs.at[runs.next] ?? -1;
}
