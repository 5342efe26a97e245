// Messages: the person's own conversations, requests to the person, and the letters of the one that is open.

import { act } from "./act.js";
import { isShown, place, say, store, threadLink } from "./app.js";
import { openComposer, replyTo } from "./composer.js";
import { arrows, bdi, byId, emptyState, h, keep, setText, timeAgo } from "./dom.js";
import { newLetter, updateLetter } from "./letter.js";
import { isOpenRequest, isUnread, waiting } from "./store.js";
import { beginning, isGroupName, threadsOf } from "./threads.js";
import { showWords } from "./verify.js";
import { count, reachWords, stateWord } from "./words.js";
import { ask, define } from "./work.js";

/** Letters at first, and with each press of the button. */
const PAGE = 50;
/** Milliseconds in which letters that were seen are gathered. */
const GATHER = 400;
/** Requests that are listed, the oldest first. */
const REQUESTS = 20;

const scroller = byId("letters");
const list = byId("letters-list");
let openThread = null;
let shown = PAGE;
let atEnd = true;
let seenNow = [];
/** Milliseconds after the first frame in which older letters come, which are no news. */
const OLDER = 2000;

const what = { reply: (id) => replyTo(store.letters.get(id)), quoted: (id) => store.letters.get(id), go: goTo };
const observer = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && see(entry.target)), { root: scroller });

export function startTalk() {
  define("talk", render);
  define("count-talk", renderCount);
  arrows(byId("threads"), "a");
  arrows(byId("requests-list"), "a");
  scroller.addEventListener("scroll", () => (atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60), { passive: true });
  byId("letters-more").onclick = () => {
    shown += PAGE;
    ask("talk");
  };
  byId("talk-verify").onclick = () => showWords(openThread);
  document.addEventListener("visibilitychange", () => {
    // The observer tells only what changes, so it looks again.
    if (document.hidden) return;
    for (const item of list.children) {
      observer.unobserve(item);
      observer.observe(item);
    }
  });
}

function see(item) {
  const letter = store.letters.get(item.dataset.id);
  if (!letter || document.hidden || !isShown("talk") || !isUnread(store, letter)) return;
  store.seen.add(letter.id);
  seenNow.push(letter.id);
  if (seenNow.length === 1) setTimeout(tellSeen, GATHER);
}

async function tellSeen() {
  const ids = seenNow;
  seenNow = [];
  ask("talk");
  ask("count-talk");
  try {
    await act("seen", { ids });
  } catch {
    // Other tabs do not learn of it, and here they count as unread again when they are shown the next time.
    for (const id of ids) store.seen.delete(id);
  }
}

/** Letters have come or changed. */
export function lettersChanged(letters) {
  ask("talk");
  ask("count-talk");
  const isNews = ({ id }) => store.fresh.has(id) && Date.now() - store.since > OLDER;
  const news = letters.filter((letter) => isNews(letter) && isUnread(store, letter));
  store.fresh.clear();
  if (news.length === 0) return;
  const last = news.at(-1);
  if (isShown("talk") && news.every((letter) => letter.from === openThread)) {
    // It is on the screen: only screen readers say that it has come.
    byId("heard").textContent = `${last.from}: ${beginning(last.text)}`;
    return;
  }
  if (news.length > 1) say(`${news.length} new messages`);
  else say(last.intent === "request" ? `${last.from} asks you for an answer` : `New message from ${last.from}`);
}

function renderCount() {
  const { unread, requests } = waiting(store);
  const badge = byId("count-talk");
  const total = unread + requests;
  const words = [unread && `${unread} unread`, requests && count(requests, "open request")].filter(Boolean).join(", ");
  const key = `${unread} ${requests}`;
  if (badge.dataset.key !== key) {
    badge.dataset.key = key;
    badge.replaceChildren(...(total ? [h("span", { "aria-hidden": "true" }, total > 99 ? "99+" : String(total)), h("span", { class: "sr" }, words)] : []));
  }
  document.title = total ? `(${total}) Agent Junction` : "Agent Junction";
}

function* render() {
  if (!isShown("talk")) return;
  const threads = threadsOf(store);
  yield;
  byId("talk").classList.toggle("open", place.thread !== null);
  yield* renderSide(threads);
  const thread = place.thread ? threads.get(place.thread) : undefined;
  if (openThread !== place.thread) {
    openThread = place.thread;
    shown = PAGE;
    atEnd = true;
    observer.disconnect();
    list.replaceChildren();
    openComposer(openThread);
  }
  renderHead(thread);
  const letters = thread?.letters ?? [];
  byId("letters-more").hidden = letters.length <= shown;
  const visible = letters.slice(-shown);
  const nothing = byId("letters-empty");
  nothing.hidden = visible.length > 0;
  if (openThread === null) emptyState(nothing, "No conversation is open", "Choose one, or write a new message.");
  else if (openThread === "") emptyState(nothing, "A new message", "Write to a session by its name, or to a group: `role:reviewer`, `repo:shop`, or `*` for everybody.");
  else emptyState(nothing, "Nothing was said yet", "What you write is encrypted to its receivers. The hub cannot read it.");
  yield* keep(list, visible, { key: (letter) => letter.id, make: makeLetter, update: (item, letter) => updateLetter(item, letter, what) });
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}

function makeLetter(letter) {
  const item = newLetter(letter, what);
  observer.observe(item);
  return item;
}

function* renderSide(threads) {
  const requests = [...store.letters.values()].filter(isOpenRequest);
  byId("requests").hidden = requests.length === 0;
  yield* keep(byId("requests-list"), requests.slice(0, REQUESTS), {
    key: (letter) => letter.id,
    make: (letter) => h("li", {}, h("a", { href: threadLink(letter.from), onclick: () => answer(letter) }, h("strong", {}, bdi(letter.from)), timeAgo(letter.at), h("span", { class: "last" }, bdi(beginning(letter.text))))),
    update: () => {},
  });
  const side = byId("threads-empty");
  side.hidden = threads.size > 0;
  emptyState(side, "No messages yet", "Agents write to you by your name here, and you to them.");
  yield* keep(byId("threads"), [...threads.values()].slice(0, 300), { key: (thread) => thread.name, make: () => h("li", {}, h("a", {})), update: updateThread });
}

function updateThread(item, thread) {
  const link = item.firstElementChild;
  const last = thread.letters.at(-1);
  const current = thread.name === place.thread;
  const key = [last.id, thread.unread, current].join();
  if (item.dataset.shown === key) return;
  item.dataset.shown = key;
  item.className = thread.unread ? "unread" : "";
  link.href = threadLink(thread.name);
  if (current) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
  link.replaceChildren(
    bdi(thread.name === "*" ? "Everybody" : thread.name), timeAgo(last.at),
    h("span", { class: "last" }, bdi(`${last.mine ? "You: " : ""}${beginning(last.text) || "attachment"}`)),
    thread.unread ? h("span", { class: "badge" }, String(thread.unread), h("span", { class: "sr" }, " unread")) : "",
  );
}

function renderHead(thread) {
  byId("talk-head").hidden = openThread === null;
  if (openThread === null) return;
  const isGroup = isGroupName(openThread);
  const session = openThread ? [...store.sessions.values()].find(({ alias }) => alias === openThread) : undefined;
  byId("talk-verify").hidden = !session || session.you === true;
  const about = session ? [session.client, stateWord(session), reachWords(session, store.own.get(session.alias)).at(-1)].filter(Boolean).join(" · ") : isGroup ? "Group: every session in it gets the message" : openThread ? "not on the hub now" : "";
  const title = openThread === "*" ? "Everybody" : openThread || (openThread === "" ? "New message" : "");
  const box = byId("talk-who");
  const key = `${title}\n${about}`;
  if (box.dataset.shown === key) return;
  box.dataset.shown = key;
  box.replaceChildren(h("h2", {}, bdi(title)), h("small", {}, bdi(about)));
}

/** Opens the request's conversation with the answer begun. */
function answer(letter) {
  place.thread = letter.from;
  ask("talk");
  requestAnimationFrame(() => requestAnimationFrame(() => replyTo(letter)));
}

function goTo(id) {
  const item = [...list.children].find((child) => child.dataset.id === id);
  if (!item) return say("That message is in another conversation, or further up.");
  item.scrollIntoView({ block: "center" });
  item.focus();
}

