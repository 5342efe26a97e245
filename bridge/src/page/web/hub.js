// The hub: whether it is there, what is said of that, and how the person starts it again.

import { act } from "./act.js";
import { say, store } from "./app.js";
import { byId, h, setText } from "./dom.js";
import { ask, define } from "./work.js";

const STATES = { connected: "Connected", away: "Hub is away", left: "Not on the hub" };
/** A hub that a bridge starts is for this machine, unless the person's settings say more. */
const ALONE = "It then serves this machine only. If other machines used it, run `junction-hub --host 0.0.0.0` instead.";

export function startHub() {
  define("hub", render);
}

/** Whether it is not known yet if the hub is there. */
export function isConnecting() {
  return store.connection.state === "" || store.connection.state === "connecting";
}

/** Whether what the page knows of sessions may be out of date, because the hub is not there. */
export function isAway() {
  return store.connection.state === "away" || store.connection.state === "left";
}

/** What the hub is called in a sentence. */
export function hubName() {
  return store.hub.name === "local" || !store.hub.name ? "the hub of this machine" : store.hub.name;
}

function render() {
  const { state, stopped } = store.connection;
  const word = isConnecting() ? "Connecting" : stopped ? "Hub is stopped" : STATES[state];
  setText(byId("hub-state"), state === "connected" ? store.hub.name || word : (word ?? state));
  byId("hub-dot").className = `dot ${state === "connected" ? "on" : "warn"}`;
  byId("you").replaceChildren(h("bdi", {}, store.you.alias), h("code", { title: "Your fingerprint" }, store.you.fingerprint));
  renderBanner();
  for (const view of ["who", "flow", "talk"]) ask(view);
}

function renderBanner() {
  const banner = byId("hub-banner");
  const text = sentence(store.connection);
  const key = `${text} ${store.connection.startable}`;
  if (banner.dataset.shown === key) return;
  // The button goes with the banner, and the focus with neither.
  const hadFocus = banner.contains(document.activeElement);
  banner.dataset.shown = key;
  banner.hidden = !text;
  banner.replaceChildren(
    ...text.split("`").map((piece, at) => (at % 2 ? h("code", {}, piece) : piece)),
    text && store.connection.startable ? startButton() : "",
  );
  if (hadFocus && document.activeElement === document.body) (banner.querySelector("button") ?? byId("view")).focus();
}

function sentence({ state, why, stopped, startable }) {
  if (state === "left") return "Not on the hub. End junction-bridge ui in its terminal, and start it again.";
  if (state !== "away") return "";
  if (stopped && startable) return `The hub was stopped. This button starts it, and so does sending a message. ${ALONE}`;
  return `Hub is away. ${why}`;
}

function startButton() {
  const button = h("button", { type: "button" }, "Start the hub");
  let isStarting = false;
  button.onclick = async () => {
    if (isStarting) return;
    // A disabled button would lose the focus.
    isStarting = true;
    button.textContent = "Starting…";
    try {
      await act("start");
      say("The hub is started.");
    } catch (failure) {
      say(failure.message);
      isStarting = false;
      button.textContent = "Start the hub";
    }
  };
  return button;
}
