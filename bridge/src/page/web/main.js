// Starts the page: takes the key, connects, applies what comes, and shows the section of the address.

import { isShown, keepSetting, place, say, SECTIONS, setting, store } from "./app.js";
import { startClaims } from "./claims.js";
import { startComposer } from "./composer.js";
import { openMenu } from "./dialog.js";
import { byId, h, setText, show, tick } from "./dom.js";
import { flowChanged, graphChanged, showFlow, startFlow } from "./flow.js";
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

const HUB_STATES = { connected: "Connected", away: "Hub is away", left: "Not on the hub" };

function receive(frame) {
  const changed = apply(store, frame);
  const has = (topic) => changed.has(topic);
  if (has("hello")) showSection();
  if (has("hub")) ask("hub");
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
  for (const name of SECTIONS) {
    byId(`page-${name}`).hidden = name !== place.section;
    const link = document.querySelector(`nav [data-view="${name}"]`);
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

function renderHub() {
  const { state, why } = store.connection;
  setText(byId("hub-state"), state === "connected" ? store.hub.name || "Connected" : (HUB_STATES[state] ?? "Connecting"));
  byId("hub-dot").className = `dot ${state === "connected" ? "on" : "warn"}`;
  byId("you").replaceChildren(h("bdi", {}, store.you.alias), h("code", { title: "Your fingerprint" }, store.you.fingerprint));
  show(byId("hub-banner"), state === "away" || state === "left" ? `${HUB_STATES[state]}. ${why}` : "");
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
define("hub", renderHub);
startWho();
startFlow();
startTalk();
startComposer();
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
  if (place.section !== "talk") byId("view").focus({ preventScroll: true });
  if (place.section !== "talk") scrollTo(0, 0);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("view").focus();
});
setInterval(() => document.hidden || tick(byId(`page-${place.section}`)), TICK);
setInterval(() => isShown("who") && ask("who"), 30_000);
showSection();
connect(receive);
