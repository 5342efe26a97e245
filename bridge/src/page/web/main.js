// Starts the page: takes the key, connects, applies what comes, and shows the section of the address.

import { isShown, keepSetting, place, say, SECTIONS, sectionLink, setting, store } from "./app.js";
import { startClaims } from "./claims.js";
import { focusComposer, startComposer } from "./composer.js";
import { openMenu } from "./dialog.js";
import { byId, tick } from "./dom.js";
import { startDrop } from "./drop.js";
import { flowChanged, graphChanged, showFlow, startFlow } from "./flow.js";
import { startHub } from "./hub.js";
import { startKeys } from "./keys.js";
import { connect, takeKey } from "./live.js";
import { showMachines, startMachines } from "./machines.js";
import { apply } from "./store.js";
import { lettersChanged, startTalk } from "./talk.js";
import { startVerify } from "./verify.js";
import { leaveWho, startWho } from "./who.js";
import { ask, define } from "./work.js";

/** Milliseconds between two renderings that no one asked for. */
const CALM = 250;
const TICK = 5000;

function receive(frame) {
  const changed = apply(store, frame);
  const has = (topic) => changed.has(topic);
  if (has("hello")) showSection();
  if (has("hub")) {
    ask("hub");
    showMachines();
  }
  if (has("sessions") || has("own")) {
    ask("who", CALM);
    ask("count-who", CALM);
    graphChanged();
    if (isShown("talk")) ask("talk", 1000);
  }
  if (has("flow")) flowChanged(frame.messages ?? []);
  if (has("notes")) ask("notes", CALM);
  if (has("mail")) lettersChanged(frame);
  if (has("claims")) {
    ask("claims", CALM);
    ask("count-claims", CALM);
  }
}

/** Shows the section that the address names. */
function showSection() {
  const [section, thread] = location.hash.slice(1).split("/", 2);
  place.section = SECTIONS.includes(section) ? section : "who";
  if (!isShown("who")) leaveWho();
  place.thread = section === "talk" && thread !== undefined ? decoded(thread) : null;
  if (section === "talk") place.lastThread = place.thread;
  for (const name of SECTIONS) {
    byId(`page-${name}`).hidden = name !== place.section;
    const link = document.querySelector(`nav [data-view="${name}"]`);
    link.href = sectionLink(name);
    if (name === place.section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  showFlow();
  showMachines();
  if (place.section !== "flow" && place.section !== "machines") ask(place.section);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function chooseTheme(event) {
  const set = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    keepSetting("page-theme", theme);
    say(theme ? `The page is ${theme} now.` : "The page follows the system.");
  };
  const now = setting("page-theme");
  const item = (label, theme) => ({ label: now === theme ? `${label} (now)` : label, act: () => set(theme) });
  openMenu(event.currentTarget, [item("System", null), item("Light", "light"), item("Dark", "dark")], "Theme");
}

takeKey();
startHub();
startWho();
startFlow();
startTalk();
startComposer();
startDrop();
startClaims();
startMachines();
startVerify();
startKeys();
byId("theme").onclick = chooseTheme;
// A key that is pasted into the address bar changes the fragment only.
addEventListener("hashchange", () => {
  const before = location.hash;
  takeKey();
  if (location.hash !== before) return location.reload();
  showSection();
  if (isShown("talk") && focusComposer()) return;
  byId("view").focus({ preventScroll: true });
  scrollTo(0, 0);
  byId("view").scrollTo(0, 0);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("view").focus();
});
setInterval(() => document.hidden || tick(byId(`page-${place.section}`)), TICK);
setInterval(() => isShown("who") && ask("who"), 30_000);
showSection();
connect(receive);
