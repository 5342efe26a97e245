// The connection to the server: keeps it while the tab is visible, and hands on what comes.

import { keepSetting, SECTIONS, setting } from "./app.js";
import { byId } from "./dom.js";

/** The close code for a wrong key or cookie. */
const NOT_ALLOWED = 4401;
const RETRY_AFTER = 1000;

/** Moves the key from the address to the storage. It is in the fragment of the address that the terminal printed. */
export function takeKey() {
  const fragment = location.hash.slice(1);
  if (!/^[\w-]{16,}$/.test(fragment) || SECTIONS.includes(fragment)) return;
  keepSetting("page-key", fragment);
  history.replaceState(null, "", "/");
}

/**
 * Connects, and connects again whenever the server ended the connection.
 * @param {(frame: object) => void} receive
 */
export function connect(receive) {
  const key = setting("page-key");
  if (!key) return locked();
  const socket = new WebSocket(`ws://${location.host}/live`);
  socket.onopen = () => socket.send(key);
  socket.onmessage = (event) => {
    if (!byId("lost").hidden) found();
    receive(JSON.parse(event.data));
  };
  socket.onclose = (event) => {
    if (event.code === NOT_ALLOWED) return locked();
    lost("junction-bridge ui has ended", "Start it again in a terminal. This page connects by itself, or open the link that it prints.");
    setTimeout(whenVisible, RETRY_AFTER, () => connect(receive));
  };
}

function locked() {
  lost("This page is not connected any more", "Run junction-bridge ui in a terminal and open the link that it prints.");
}

function lost(title, text) {
  byId("lost-title").textContent = title;
  byId("lost-text").textContent = text;
  byId("lost").hidden = false;
  // What is behind cannot be used now, by keyboard either.
  byId("frame").inert = true;
}

function found() {
  byId("lost").hidden = true;
  byId("frame").inert = false;
}

function whenVisible(then) {
  if (!document.hidden) return then();
  document.addEventListener("visibilitychange", () => whenVisible(then), { once: true });
}
