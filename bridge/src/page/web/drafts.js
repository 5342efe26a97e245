// What the person has begun to write, kept through a reload of the tab. No DOM here.
//
// A draft may hold a secret. The storage of the session belongs to this tab, and ends when the tab is closed; localStorage
// would outlive both the tab and the command that serves the page. Files are not kept.

const PREFIX = "page-draft:";

/** The storage of this tab, unless the browser has none for this page. */
function storage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}

/**
 * The draft of a conversation, as far as it was kept.
 * @returns {{to?: string, text?: string, ask?: boolean, done?: boolean, reply?: {id: string, from: string, mine: boolean, intent?: string}}}
 */
export function keptDraft(conversation) {
  try {
    const kept = JSON.parse(storage()?.getItem(PREFIX + conversation) ?? "{}");
    return typeof kept === "object" && kept !== null ? kept : {};
  } catch {
    return {};
  }
}

/** Keeps the draft of a conversation, or forgets it if nothing is in it. */
export function keepDraft(conversation, { to, text, ask, done, reply }) {
  // Of the message that is replied to, not its text: that is a peer's, and comes again with the others.
  const answered = reply ? { id: reply.id, from: reply.from, mine: reply.mine, intent: reply.intent } : undefined;
  const isEmpty = !text && !answered && (conversation !== "" || !to);
  try {
    if (isEmpty) storage()?.removeItem(PREFIX + conversation);
    else storage()?.setItem(PREFIX + conversation, JSON.stringify({ to, text, ask, done, reply: answered }));
  } catch {
    // Without room the draft lasts as long as the page.
  }
}

/** Forgets the draft of a conversation. */
export function forgetDraft(conversation) {
  keepDraft(conversation, { to: "", text: "", ask: false, done: false, reply: null });
}
