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
  "low-urgency": "low urgency wakes nobody",
  "no-way": "cannot be woken",
  hold: "held: nothing wakes it",
  held: "held: nothing wakes it",
};
const STEPS = { accepted: "with the hub", opened: "delivered", read: "read", expired: "expired unread", returned: "returned to its sender", dropped: "dropped" };
const STATUSES = {
  queued: "queued",
  accepted: "the hub has it",
  opened: "delivered, not read yet",
  read: "read",
  saved: "saved",
  expired: "expired, was not read",
  returned: "returned, waits for the session",
  unconfirmed: "unconfirmed, may have been read",
  refused: "refused",
  not_sent: "not sent",
};

/** The state of a session. */
export function stateWord(session) {
  return session.online ? (STATES[session.state] ?? session.state) : "away";
}

/** How a message gets to a session, as a word and an explanation. */
export function reachWords(session, own) {
  const [word, plain] = REACHES[session.reach] ?? ["", ""];
  const why = own?.why ?? session.why;
  if (why) return [word, WHYS[why] ?? why];
  return [word, session.unattended ? "unattended, is not woken" : plain];
}

/** Why a message did not wake its receiver. */
export function whyWords(why) {
  return WHYS[why] ?? why;
}

/** How far a message of what goes on is. */
export function stepWord(status) {
  return STEPS[status] ?? status;
}

/** How far a message of the person is. */
export function statusWord(status) {
  const refused = /^refused\((.*)\)$/.exec(status);
  return refused ? `refused: ${refused[1].replaceAll("_", " ")}` : (STATUSES[status] ?? status);
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

/** A number of bytes: "812 B", "4 KiB", "1.5 MiB". */
export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1048576) return `${round(count / 1024)} KiB`;
  return `${round(count / 1048576)} MiB`;
}

function round(number) {
  return number < 10 ? Math.round(number * 10) / 10 : Math.round(number);
}

/** "1 session", "5,000 sessions". */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
