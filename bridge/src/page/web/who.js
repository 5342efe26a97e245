// Who: every session of the hub, with a search. Rows are kept, and only those that changed are written again.

import { isShown, store, threadLink } from "./app.js";
import { arrows, bdi, byId, emptyState, h, icon, keep, setText, show, timeAgo, timeUntil } from "./dom.js";
import { fits, inOrder, kindOf, parseSearch } from "./filter.js";
import { isHeld, openHoldAllMenu, openSessionMenu, release } from "./hold.js";
import { hubName, isAway, isConnecting } from "./hub.js";
import { count, reachWords, stateWord } from "./words.js";
import { ask, define } from "./work.js";

/** Rows at first, and with each press of the button. */
const PAGE = 200;
/** Rows that stay while another section is shown, because showing all again at once would take long. */
const SCREEN = 10;
/** Sessions that are looked at in one go. */
const SLICE = 1000;

const PILLS = [["all", "All"], ["yours", "Yours"], ["busy", "Busy"], ["waiting", "Waiting"], ["idle", "Idle"], ["unknown", "Unknown"], ["away", "Away"]];
const search = /** @type {HTMLInputElement} */ (byId("who-search"));
const rows = byId("who-rows");
let pill = "all";
let shown = PAGE;
let sorted = [];
let sortedFor = -1;

export function startWho() {
  define("who", render);
  define("count-who", () => setText(byId("count-who"), store.sessions.size ? store.sessions.size.toLocaleString("en") : ""));
  byId("who-pills").append(
    ...PILLS.map(([name, label]) =>
      h("button", { type: "button", "aria-pressed": String(name === pill), "data-pill": name, onclick: () => choose(name) }, label, " ", h("small", {})),
    ),
  );
  search.addEventListener("input", () => {
    shown = PAGE;
    ask("who");
  });
  byId("who-more").onclick = () => {
    shown += PAGE;
    ask("who");
  };
  byId("hold-all").onclick = (event) => openHoldAllMenu(event.currentTarget);
  arrows(rows, ".name a");
  rows.addEventListener("click", (event) => /** @type {Element} */ (event.target).closest(".clamp")?.classList.toggle("whole"));
  search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    /** @type {HTMLElement | null} */ (rows.querySelector(".name a"))?.focus();
  });
}

/** The section is left. */
export function leaveWho() {
  shown = PAGE;
  while (rows.children.length > SCREEN) rows.lastElementChild.remove();
}

function choose(name) {
  pill = name;
  shown = PAGE;
  for (const button of byId("who-pills").children) button.setAttribute("aria-pressed", String(button.dataset.pill === name));
  ask("who");
}

/** The sessions of the hub, and those of this user that it does not know now. */
function everybody() {
  const aliases = new Set();
  for (const session of store.sessions.values()) aliases.add(session.alias);
  const missing = [...store.own.values()].filter((own) => !aliases.has(own.alias));
  return [...store.sessions.values(), ...missing.map((own) => ({ id: `own ${own.alias}`, online: false, state: "unknown", ...own }))];
}

function* render() {
  if (!isShown("who")) return;
  if (sortedFor !== store.order) {
    sortedFor = store.order;
    sorted = inOrder(everybody(), store.own).map((session) => session.id);
    yield;
  }
  const missing = new Map([...store.own.values()].map((own) => [`own ${own.alias}`, { id: `own ${own.alias}`, online: false, state: "unknown", ...own }]));
  const terms = parseSearch(search.value);
  const counts = { all: 0, yours: 0, busy: 0, waiting: 0, idle: 0, away: 0, unknown: 0 };
  const found = [];
  let matches = 0;
  for (let at = 0; at < sorted.length; at++) {
    if (at % SLICE === SLICE - 1) yield;
    const session = store.sessions.get(sorted[at]) ?? missing.get(sorted[at]);
    if (!session || !fits(session, terms)) continue;
    const kind = kindOf(session);
    const isOwn = session.you || store.own.has(session.alias);
    counts.all++;
    counts[kind]++;
    if (isOwn) counts.yours++;
    if (pill !== "all" && pill !== kind && !(pill === "yours" && isOwn)) continue;
    matches++;
    if (found.length < shown) found.push(session);
  }
  yield;
  showCounts(counts, matches, found.length);
  showHolds();
  yield* keep(rows, found, { key: (session) => session.id, make: newRow, update: updateRow });
}

function showCounts(counts, matches, listed) {
  for (const button of byId("who-pills").children) setText(button.lastElementChild, counts[button.dataset.pill].toLocaleString("en"));
  const total = store.sessions.size;
  setText(byId("who-lead"), lead(total, matches, listed));
  byId("page-who").classList.toggle("stale", isAway());
  show(byId("who-more"), listed < matches ? `Show ${Math.min(PAGE, matches - listed)} more` : "");
  byId("who-table").hidden = matches === 0;
  const isFiltered = search.value !== "" || pill !== "all";
  const isAlone = !isFiltered && matches === 1 && total === 1 && [...store.sessions.values()][0].you === true;
  byId("who-empty").hidden = matches > 0 && !isAlone;
  byId("who-note").hidden = matches === 0 || isAlone;
  if (!byId("who-empty").hidden) explainEmpty(isFiltered, isAlone);
}

function lead(total, matches, listed) {
  if (total === 0) return "";
  if (isAway()) return "As last seen: the hub is not there";
  if (listed < matches) return `The first ${listed.toLocaleString("en")} of ${count(matches, "session")}`;
  if (matches < total) return `${matches.toLocaleString("en")} of ${count(total, "session")}`;
  const machines = total > 2000 ? "" : ` on ${count(new Set([...store.sessions.values()].map((session) => session.machine)).size, "machine")}`;
  return `${count(total, "session")}${machines}`;
}

function explainEmpty(isFiltered, isAlone) {
  const box = byId("who-empty");
  if (isConnecting()) return emptyState(box, `Connecting to ${hubName()}…`);
  if (isFiltered) return emptyState(box, "No session matches", "Try a shorter search, or choose All.");
  if (isAlone) return emptyState(box, "Nobody else is here yet", "Run `junction-bridge setup` once, and then start an agent: Claude Code, Codex, Gemini CLI or opencode.", "Sessions appear here by themselves.");
  // You are on the list of your hub, so an empty one is a list that has not come yet.
  emptyState(box, isAway() ? "The hub is not there" : "Looking for sessions…");
}

function showHolds() {
  const held = [...store.own.values()].filter(isHeld);
  byId("hold-all").hidden = store.own.size === 0;
  const banner = byId("banner");
  const key = held.length ? `held ${held.length}` : "";
  if (banner.dataset.held === key) return;
  banner.dataset.held = key;
  banner.hidden = !key;
  banner.replaceChildren(`${count(held.length, "session")} of yours ${held.length === 1 ? "is" : "are"} held: messages wait, and nothing wakes ${held.length === 1 ? "it" : "them"}.`, h("button", { type: "button", onclick: () => release(null) }, "Release all"));
}

function newRow() {
  const cell = (attributes) => h("td", { role: "cell", ...attributes });
  return h("tr", { role: "row" }, cell(), cell(), cell(), cell({ class: "where" }), cell({ class: "reach" }), cell({ class: "num muted" }), cell({ class: "act" }));
}

/** What each row shows, to write only what changed. */
const shownIn = new WeakMap();

function updateRow(row, session) {
  const own = store.own.get(session.alias);
  const held = isHeld(own) ? own.held_until : 0;
  const before = shownIn.get(row);
  if (before && before.session === session && before.own === own && before.held === held) return;
  shownIn.set(row, { session, own, held });
  const [name, state, work, where, reach, since, action] = row.children;
  const focused = row.contains(document.activeElement);
  if (!before || before.session.alias !== session.alias || !before.own !== !own || before.own?.http !== own?.http || before.session.client !== session.client) {
    const tag = session.you ? "you" : own ? "yours" : "";
    name.replaceChildren(
      h("div", { class: "name" }, h("a", { href: threadLink(session.alias) }, bdi(session.alias)), tag && h("span", { class: "tag accent" }, tag), own?.http ? h("span", { class: "tag" }, "over HTTP") : ""),
      session.client ? h("small", {}, bdi(session.client)) : "",
    );
    action.replaceChildren(own && !session.you ? menuButton(session.alias) : "");
  }
  state.replaceChildren(
    session.you ? "" : h("span", { class: `state ${kindOf(session)}` }, stateWord(session)),
    ...(held ? [" ", h("span", { class: "tag warn" }, "held, ", timeUntil(held), " left")] : []),
  );
  if (!before || before.session.task !== session.task || before.session.role !== session.role) {
    work.replaceChildren(
      session.task ? clamped(session.task) : session.you ? "" : h("span", { class: "muted" }, "no task"),
      session.role ? h("small", {}, "as ", bdi(session.role)) : "",
    );
  }
  where.replaceChildren(
    clamped([session.repo, session.branch].filter(Boolean).join(" · ") || (session.machine ?? "")),
    (session.repo || session.branch) && session.machine ? h("small", {}, bdi(session.machine)) : "",
  );
  const [word, why] = session.you ? ["On this page", ""] : reachWords(session, own);
  reach.replaceChildren(word, why ? h("small", {}, why) : "");
  if (before?.session.since !== session.since) since.replaceChildren(session.since ? timeAgo(session.since) : "");
  if (focused && document.activeElement === document.body) /** @type {HTMLElement} */ (row.querySelector("a")).focus();
}

/** A text of which a few lines are shown. All of it is shown while the row has the focus, and to who presses on it. */
function clamped(text) {
  return bdi(text, { class: "clamp", title: text });
}

function menuButton(alias) {
  return h("button", { type: "button", class: "quiet icon-only", "aria-label": `Actions for ${alias}`, "aria-haspopup": "menu", "aria-expanded": "false", onclick: (event) => openSessionMenu(event.currentTarget, alias) }, icon("more"));
}
