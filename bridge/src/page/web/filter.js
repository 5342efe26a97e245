// Which sessions a search finds, and their order. No DOM here.

import { stateWord } from "./words.js";

/** Fields that a search may name, as in `repo:shop`. */
export const FIELDS = ["alias", "client", "machine", "repo", "branch", "role", "task", "state", "reach"];

/** @type {WeakMap<object, string>} The text of each session that a search looks at. */
const texts = new WeakMap();
/** @type {WeakMap<object, string>} What each session is sorted by. */
const ranks = new WeakMap();

/**
 * Reads a search: words that must all be there, each maybe behind the name of a field.
 * @returns {{field: string | null, text: string}[]}
 */
export function parseSearch(search) {
  const terms = [];
  for (const word of search.toLowerCase().slice(0, 500).split(/\s+/)) {
    if (!word) continue;
    const colon = word.indexOf(":");
    const field = colon > 0 ? word.slice(0, colon) : "";
    if (FIELDS.includes(field)) {
      if (colon + 1 < word.length) terms.push({ field, text: word.slice(colon + 1) });
    } else {
      terms.push({ field: null, text: word });
    }
  }
  return terms;
}

/** Whether a session has all terms of a search. */
export function fits(session, terms) {
  for (const { field, text } of terms) {
    const where = field === null ? textOf(session) : field === "state" ? stateOf(session) : String(session[field] ?? "").toLowerCase();
    if (!where.includes(text)) return false;
  }
  return true;
}

/** The state as it is shown, as it is counted, and as agents call it. */
function stateOf(session) {
  return `${stateWord(session)} ${kindOf(session)} ${session.state}`;
}

function textOf(session) {
  let text = texts.get(session);
  if (text === undefined) {
    text = [stateOf(session), ...FIELDS.map((field) => session[field] ?? "")].join("\n").toLowerCase();
    texts.set(session, text);
  }
  return text;
}

/** The word for how a session is counted in the list: away, busy, waiting, idle or unknown. */
export function kindOf(session) {
  if (!session.online) return "away";
  if (session.state === "busy") return "busy";
  if (session.state === "waiting-on-human") return "waiting";
  return session.state === "idle" ? "idle" : "unknown";
}

/** Puts sessions in the order of the list: you, your own, those online, those away; each by name. */
export function inOrder(sessions, own) {
  return sessions
    .map((session) => [rankOf(session, own.has(session.alias)), session])
    .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    .map((pair) => pair[1]);
}

function rankOf(session, isOwn) {
  let name = ranks.get(session);
  if (name === undefined) {
    name = (session.online ? "0" : "1") + session.alias.toLowerCase();
    ranks.set(session, name);
  }
  return (session.you ? "0" : isOwn ? "1" : "2") + name;
}
