// What the page knows, and how a frame of the server changes it. No DOM here.

import { Ring } from "./ring.js";

/**
 * @typedef {{id: string, alias: string, online: boolean, state: string, reach: string, since: number, client?: string,
 *   machine?: string, repo?: string, branch?: string, role?: string, task?: string, unattended?: true,
 *   you?: true}} Session
 * @typedef {{id: string, from: string, to: string, mine: boolean, text?: string, at: number, order: number, status?: string,
 *   reply_to?: string, intent?: string, group?: string, from_person?: true, key_changed?: true, answered?: true, dismissed?: true,
 *   unread?: true, why?: string, members?: {alias: string, status: string, why?: string}[],
 *   attachments?: {number: number, name: string, kind: string, bytes: number, status?: string}[]}} Letter
 */

/** The newest messages of what goes on that are kept. */
const FLOW_KEPT = 500;
/** The newest notes that are kept. */
const NOTES_KEPT = 50;
/** Letters that are kept, and the characters of all their texts. */
const LETTERS_KEPT = 1000;
const CHARACTERS_KEPT = 8e6;

/** What the order of sessions and their places depend on. */
const ORDERING = ["alias", "online", "you", "machine", "repo"];

/** A store that knows nothing yet. */
export function newStore() {
  return {
    you: { alias: "", fingerprint: "" },
    hub: { name: "", flow: false, local: false },
    limits: { message: 65536, attachment: 16777216, attachments: 8 },
    connection: { state: "", why: "", stopped: false, startable: false },
    /** @type {Map<string, Session>} */
    sessions: new Map(),
    /** Grows when the order of sessions in the list, or their places in the graph, may have changed. */
    order: 0,
    /** Ids named by the parts of a snapshot so far. */
    snapshot: new Set(),
    flow: new Ring(FLOW_KEPT),
    flowTotal: 0,
    /** Ids of messages of what goes on that have come since the last look. */
    freshFlow: new Set(),
    notes: [],
    /** @type {Map<string, Letter>} */
    letters: new Map(),
    characters: 0,
    /** @type {Map<string, Letter>} Letters that wait for a place on the screen. They have no text before. */
    unread: new Map(),
    /** When the first frame came. */
    since: 0,
    claims: { claims: [], conflicts: [], repositories: [] },
    /** Sessions of this user on this machine, by alias. */
    own: new Map(),
  };
}

/**
 * Applies a frame.
 * @returns {Set<string>} what changed: hello, hub, sessions, flow, notes, mail, claims, own
 */
export function apply(store, frame) {
  const changed = new Set();
  if (frame.hello) {
    Object.assign(store, newStore(), { order: store.order + 1 }, pick(frame.hello, ["you", "hub", "limits"]));
    store.connection.state = "connecting";
    store.since = Date.now();
    for (const topic of ["hello", "hub", "sessions", "flow", "notes", "mail", "claims", "own"]) changed.add(topic);
  }
  if (frame.hub) {
    const { state, why, stopped, startable } = frame.hub;
    store.connection = { state, why: why ?? "", stopped: stopped === true, startable: startable === true };
    changed.add("hub");
  }
  if (frame.sessions) {
    takeSnapshot(store, frame.sessions, frame.part ?? 1, frame.of ?? 1);
    changed.add("sessions");
  }
  if (frame.changed) {
    for (const session of frame.changed) putSession(store, session);
    changed.add("sessions");
  }
  if (frame.left) {
    for (const id of frame.left) store.sessions.delete(id);
    store.order++;
    changed.add("sessions");
  }
  if (frame.messages) {
    for (const message of frame.messages) {
      if (!store.flow.put(message)) continue;
      store.flowTotal++;
      store.freshFlow.add(message.id);
    }
    changed.add("flow");
  }
  if (frame.notes) {
    store.notes = [...store.notes, ...frame.notes].slice(-NOTES_KEPT);
    changed.add("notes");
  }
  if (frame.taken_back) {
    for (const id of frame.taken_back) takeBack(store, id);
    changed.add("mail");
  }
  if (frame.mail) {
    for (const letter of frame.mail) putLetter(store, letter);
    dropOldLetters(store);
    changed.add("mail");
  }
  if (frame.unread !== undefined) {
    store.unread = new Map(frame.unread.map((letter) => [letter.id, letter]));
    changed.add("mail");
  }
  if (frame.claims) {
    store.claims = { claims: [], conflicts: [], repositories: [], ...frame.claims };
    changed.add("claims");
  }
  if (frame.own) {
    store.own = new Map(frame.own.map((own) => [own.alias, own]));
    store.order++;
    changed.add("own");
  }
  return changed;
}

/** A part of all sessions. What was known stays until the last part is here, and then goes if no part named it. */
function takeSnapshot(store, sessions, part, of) {
  if (part === 1) store.snapshot = new Set();
  for (const session of sessions) {
    store.snapshot.add(session.id);
    putSession(store, session);
  }
  if (part !== of) return;
  for (const id of store.sessions.keys()) if (!store.snapshot.has(id)) store.sessions.delete(id);
  store.snapshot = new Set();
  store.order++;
}

function putSession(store, session) {
  if (session.alias === store.you.alias) session.you = true;
  const known = store.sessions.get(session.id);
  if (!known || ORDERING.some((field) => known[field] !== session[field])) store.order++;
  store.sessions.set(session.id, session);
}

function putLetter(store, letter) {
  const known = store.letters.get(letter.id);
  store.characters += letter.text.length - (known?.text.length ?? 0);
  store.letters.set(letter.id, letter);
}

/** The text of a letter that nobody has seen goes. The letter waits unread as before. */
function takeBack(store, id) {
  store.characters -= store.letters.get(id)?.text.length ?? 0;
  store.letters.delete(id);
}

function dropOldLetters(store) {
  for (const [id, letter] of store.letters) {
    if (store.letters.size <= LETTERS_KEPT && store.characters <= CHARACTERS_KEPT) return;
    store.characters -= letter.text.length;
    store.letters.delete(id);
  }
}

/** The letter of this id, with its text or without. */
export function letterOf(store, id) {
  return store.letters.get(id) ?? store.unread.get(id);
}

/** All letters, those that have no text yet last. */
export function* allLetters(store) {
  yield* store.letters.values();
  for (const letter of store.unread.values()) if (!store.letters.has(letter.id)) yield letter;
}

/** Whether this letter asks the person for an answer and has none yet. */
export function isOpenRequest(letter) {
  return !letter.mine && letter.intent === "request" && !letter.answered && !letter.dismissed;
}

/** What waits for the person. */
export function waiting(store) {
  let unread = 0;
  let requests = 0;
  for (const letter of allLetters(store)) {
    if (isOpenRequest(letter)) requests++;
    else if (letter.unread) unread++;
  }
  return { unread, requests };
}

function pick(from, names) {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
}
