// The words that people read for what the server names: states, reach, statuses, times and sizes. No DOM here.

const STATES = { idle: "idle", busy: "busy", "waiting-on-human": "waits for user", unknown: "unknown" };
const REACHES = { push: ["Push", "messages wake it"], "next-turn": ["Next turn", "with its next turn"], pull: ["Pull", "when it reads"] };
const WHYS = {
  budget: "wakes of this hour used up",
  "no-hooks": "hooks not installed",
  "hooks-untrusted": "hooks not trusted yet",
  "never-prompted": "not prompted yet",
  denied: "its user stopped it",
  asleep: "told, has not read",
  chain: "too long without a person",
  dropped: "last wake was refused",
  "no-way": "cannot be woken",
  held: "held: nothing wakes it",
};
/** The hub's words for how far a message is are shown as they are, since documents and agents use them; each is explained. */
const STEPS = {
  accepted: "The hub has it.",
  opened: "Its receiver's bridge has opened it. It is not read yet.",
  read: "Its receiver's client has read it.",
  expired: "Its time was over before it was read.",
  returned: "Its sender seals it again, to the receiver's next bridge.",
  dropped: "Its receiver is gone, or cannot open it.",
};
const STATUSES = {
  queued: "queued",
  accepted: "accepted by the hub",
  opened: "opened, not read yet",
  read: "read",
  saved: "saved",
  expired: "expired unread",
  unconfirmed: "unconfirmed, may have been read",
  not_sent: "not sent",
  // Of what is attached.
  coming: "on its way to the hub",
  kept: "waits to be saved",
};

/** The state of a session. */
export function stateWord(session) {
  return session.online ? (STATES[session.state] ?? session.state) : "away";
}

/** How a message gets to a session, as a word and an explanation. */
export function reachWords(session, own) {
  const [word, plain] = REACHES[session.reach] ?? ["", ""];
  // Why is known of one's own sessions alone: their bridges say it, and the hub does not learn it.
  if (own?.why) return [word, WHYS[own.why] ?? own.why];
  return [word, session.unattended ? "unattended, is not woken" : plain];
}

/** What it means that a message of what goes on is as far as that. */
export function stepMeaning(status) {
  return STEPS[status] ?? "";
}

/** How far a message of the person is. */
export function statusWord(status) {
  const refused = /^refused\((.*)\)$/.exec(status);
  return refused ? `refused: ${refused[1].replaceAll("_", " ")}` : (STATUSES[status] ?? status);
}

/** How far something attached is. */
export function fileWord(status) {
  return status === "expired" ? "not saved in time" : statusWord(status);
}

/** Whether a status says that a message was not read and will not be. */
export function isLost(status = "") {
  return status === "expired" || status === "dropped" || status === "not_sent" || status.startsWith("refused");
}

/** The time since then: "now", "12 s", "3 min", "2 h", "5 d". */
export function ago(then, now) {
  return span(now - then, "now");
}

/** The time until then: "14 min". */
export function until(then, now) {
  return span(then - now + 999, "0 s");
}

function span(milliseconds, none) {
  const seconds = Math.floor(milliseconds / 1000);
  if (!(seconds > 0)) return none;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

const exactly = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const byTheClock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** Date and time in full, in the reader's way. */
export function exact(at) {
  return isTime(at) ? exactly.format(at) : "";
}

/** The time of the day, to the second. */
export function clock(at) {
  return isTime(at) ? byTheClock.format(at) : "";
}

/** For the attribute datetime. */
export function machineTime(at) {
  return isTime(at) ? new Date(at).toISOString() : "";
}

function isTime(at) {
  return Math.abs(at) <= 8.64e15;
}

/** A number of bytes, as commands write it: "812 bytes", "4.0 KiB", "1.5 MiB". Rounded down: nothing is said to be more than it is. */
export function bytes(number) {
  for (const [unit, size] of [["MiB", 1048576], ["KiB", 1024]]) {
    const tenths = Math.floor((number * 10) / size);
    if (tenths >= 10) return `${(tenths / 10).toFixed(1)} ${unit}`;
  }
  return number === 1 ? "1 byte" : `${number} bytes`;
}

/** "1 session", "5,000 sessions". */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
