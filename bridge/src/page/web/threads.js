// Sorts the person's letters into conversations. No DOM here.

import { allLetters } from "./store.js";

/**
 * @typedef {{name: string, isGroup: boolean, letters: import("./store.js").Letter[], unread: number, at: number}} Thread
 */

/**
 * The conversations, those with something unread first, then the latest first; letters in the order in which they came, since
 * a peer's clock may be wrong. An answer to a message to a group belongs
 * to the group's; whatever else a peer writes, also to a group, belongs to that peer's.
 * @returns {Map<string, Thread>}
 */
export function threadsOf(store) {
  /** @type {Map<string, Thread>} */
  const threads = new Map();
  const ofLetter = new Map();
  for (const letter of [...allLetters(store)].sort((one, other) => one.order - other.order)) {
    let name = letter.mine ? (letter.group ?? letter.to) : letter.from;
    const before = letter.reply_to === undefined ? undefined : ofLetter.get(letter.reply_to);
    if (!letter.mine && before && threads.get(before)?.isGroup) name = before;
    ofLetter.set(letter.id, name);
    let thread = threads.get(name);
    if (!thread) {
      thread = { name, isGroup: isGroupName(name), letters: [], unread: 0, at: 0 };
      threads.set(name, thread);
    }
    thread.letters.push(letter);
    thread.at = letter.order;
    if (letter.unread) thread.unread++;
  }
  return new Map([...threads].sort(([, a], [, b]) => Number(b.unread > 0) - Number(a.unread > 0) || b.at - a.at));
}

/** Whether this address is a group's: an alias has no colon, star, comma or quote. */
export function isGroupName(name) {
  return /[:*,"]/.test(name);
}

/** Addresses that begin with what was typed: groups first, then sessions. At most `most`. */
export function completions(store, typed, most = 40) {
  const groups = new Set(["*"]);
  const names = new Set();
  for (const session of store.sessions.values()) {
    if (session.you) continue;
    if (session.role) groups.add(quoted(`role:${session.role}`));
    if (session.repo) groups.add(quoted(`repo:${session.repo}`));
    names.add(session.alias);
  }
  const wanted = typed.trim().toLowerCase();
  const found = [];
  for (const name of [...groups, ...names]) {
    if (found.length >= most) break;
    if (name.toLowerCase().startsWith(wanted)) found.push(name);
  }
  return found;
}

/** A name with a comma stands between quotes, because a comma divides a list. */
function quoted(name) {
  return name.includes(",") ? `"${name}"` : name;
}

/** The beginning of a letter's text in one line, or what stands in its place. */
export function preview(letter, most = 90) {
  if (letter.text === undefined) return letter.intent === "request" ? "asks you for an answer" : "not read yet";
  return beginning(letter.text, most) || "attachment";
}

/** The beginning of a text in one line. */
export function beginning(text, most = 90) {
  const line = text.slice(0, most * 4).replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
