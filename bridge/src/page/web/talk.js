// Messages: the person's own conversations, requests to the person, and the letters of the one that is open.

import { isShown, place, say, store, threadLink } from "./app.js";
import { offerReply, openComposer, replyTo } from "./composer.js";
import { arrows, bdi, byId, emptyState, h, keep, setText, timeAgo } from "./dom.js";
import { boxOf, newLetter, updateLetter } from "./letter.js";
import { tell } from "./live.js";
import { SightNews } from "./sight.js";
import { allLetters, isOpenRequest, letterOf, waiting } from "./store.js";
import { beginning, isGroupName, preview, threadsOf } from "./threads.js";
import { showWords } from "./verify.js";
import { count, reachWords, stateWord } from "./words.js";
import { ask, define } from "./work.js";

/** Letters at first, and with each press of the button. */
const PAGE = 50;
/** Requests that are listed, the oldest first. */
const REQUESTS = 20;

const scroller = byId("letters");
const list = byId("letters-list");
let openThread = null;
let shown = PAGE;
let atEnd = true;
const sightNews = new SightNews();
/** Letters whose texts were asked for and have not been in sight. */
const expected = new Set();
/** The request whose answer begins as soon as its text is there. */
let toAnswer = null;
/** The ids of letters that wait, as they were last told. Those that waited before this page was opened are no news. */
let waitingBefore = new Set();
/** Milliseconds after the first frame in which they come. */
const OLDER = 2000;

const what = { reply: (id) => replyTo(store.letters.get(id)), quoted: (id) => store.letters.get(id), go: goTo };
/** Pixels of a letter's text, or of the place for it, that must be in sight. */
const LEAST = 32;
const observer = new IntersectionObserver(look, { root: scroller, threshold: [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1] });

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
    if (document.hidden) return expected.clear();
    for (const item of list.children) lookAgain(item);
  });
}

/** The box of a letter has come into sight, or left it. Its name alone says nothing of its text. */
function look(entries) {
  for (const { target, boundingClientRect, intersectionRect } of entries) {
    const isInSight = intersectionRect.height >= Math.min(LEAST, boundingClientRect.height) && intersectionRect.height > 0;
    (isInSight ? see : miss)(/** @type {HTMLElement} */ (target.parentElement).dataset.id);
  }
}

/** A letter has come into sight. One that waits unread gets its text now, and counts as read once that is in sight. */
function see(id) {
  const letter = letterOf(store, id);
  if (!letter?.unread || document.hidden || !isShown("talk")) return;
  if (letter.text === undefined) expected.add(id);
  else expected.delete(id);
  tellOf(letter.text === undefined ? "wanted" : "shown", id);
}

/** A letter has left the screen, maybe before its text was there. */
function miss(id) {
  if (expected.delete(id)) tellOf("missed", id);
}

function tellOf(word, id) {
  if (sightNews.note(word, id)) setTimeout(() => tell({ in_sight: sightNews.take() }));
}

/** Letters have come or changed. */
export function lettersChanged({ mail = [], unread }) {
  ask("talk");
  ask("count-talk");
  if (unread) announce(unread);
  if (!isShown("talk")) return;
  // What waits in sight: only screen readers say that it has come.
  const heard = mail.findLast((letter) => letter.unread && letter.from === openThread);
  if (heard) byId("heard").textContent = `${heard.from}: ${beginning(heard.text)}`;
}

/** Says that letters wait, but not those of the conversation that is open. */
function announce(unread) {
  const before = waitingBefore;
  waitingBefore = new Set(unread.map(({ id }) => id));
  if (Date.now() - store.since < OLDER) return;
  const open = isShown("talk") && openThread ? threadsOf(store).get(openThread)?.letters : undefined;
  const news = unread.filter((letter) => !before.has(letter.id) && !open?.includes(letter));
  if (news.length === 0) return;
  const last = news.at(-1);
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
    expected.forEach(miss);
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
  else emptyState(nothing, "Nothing was said here yet", "What you write is encrypted to its receivers. The hub cannot read it.", ...elsewhere(threads, openThread));
  yield* keep(list, visible, { key: (letter) => letter.id, make: makeLetter, update: showLetter });
  if (atEnd) scrollToNews();
  const answered = toAnswer === null ? undefined : store.letters.get(toAnswer);
  const open = letters.filter(isOpenRequest);
  if (answered?.from === openThread) {
    toAnswer = null;
    replyTo(answered);
  } else if (open.length === 1 && open[0].text !== undefined) {
    offerReply(open[0]);
  }
}

/** Goes to the end, or only so far that the first unread letter is in sight: no letter is to pass by unseen. */
function scrollToNews() {
  const first = [...list.children].find((item) => letterOf(store, item.dataset.id)?.unread);
  const above = first ? first.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop : Infinity;
  scroller.scrollTop = Math.min(scroller.scrollHeight - scroller.clientHeight, above - 12);
}

function showLetter(item, letter) {
  if (!updateLetter(item, letter, what) || !letter.unread) return;
  // Its text may be new, or the server another one, which has not been told what is in sight.
  lookAgain(item);
}

/** The observer reports only changes, so it has to forget the letter before it looks at it again. */
function lookAgain(item) {
  observer.unobserve(boxOf(item));
  observer.observe(boxOf(item));
}

function makeLetter(letter) {
  const item = newLetter(letter, what);
  observer.observe(boxOf(item));
  return item;
}

function* renderSide(threads) {
  const requests = [...allLetters(store)].filter(isOpenRequest);
  byId("requests").hidden = requests.length === 0;
  yield* keep(byId("requests-list"), requests.slice(0, REQUESTS), {
    key: (letter) => `${letter.id} ${letter.text === undefined}`,
    make: (letter) => h("li", {}, h("a", { href: threadLink(letter.from), onclick: () => answer(letter) }, h("strong", {}, bdi(letter.from)), timeAgo(letter.at), h("span", { class: "last" }, bdi(preview(letter))))),
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
  const key = [last.id, last.text === undefined, thread.unread, current].join();
  if (item.dataset.shown === key) return;
  item.dataset.shown = key;
  item.className = thread.unread ? "unread" : "";
  link.href = threadLink(thread.name);
  if (current) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
  link.replaceChildren(
    bdi(thread.name === "*" ? "Everybody" : thread.name), timeAgo(last.at),
    h("span", { class: "last" }, bdi(`${last.mine ? "You: " : ""}${preview(last)}`)),
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

/** In which groups' conversations this session has written. */
function elsewhere(threads, name) {
  const groups = [...threads.values()].filter((thread) => thread.isGroup && thread.letters.some((letter) => letter.from === name));
  return groups.length ? [`${name} has answered in the conversation ${groups.map((thread) => `\`${thread.name}\``).join(", ")}.`] : [];
}

/** Opens the request's conversation with the answer begun. */
function answer(letter) {
  toAnswer = letter.id;
  place.thread = letter.from;
  ask("talk");
}

function goTo(id) {
  const item = [...list.children].find((child) => child.dataset.id === id);
  if (!item) return say("That message is in another conversation, or further up.");
  item.scrollIntoView({ block: "center" });
  item.focus();
}

