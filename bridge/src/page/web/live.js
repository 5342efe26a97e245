// The connection to the server: keeps it while the tab is visible, and hands on what comes.

import { keepSetting, SECTIONS, setting } from "./app.js";
import { byId } from "./dom.js";

/** Why the server closes a connection. */
const NOT_ALLOWED = 4401;
const TOO_SLOW = 4408;
const TOO_MANY = 4429;
const RETRY_AFTER = 1000;

/** The key of the address, until the server has taken it. Any page can open this one with another key in the address. */
let offered = "";

/** Takes the key out of the address that the link led to. */
export function takeKey() {
  const fragment = location.hash.slice(1);
  if (!/^[0-9a-f]{64}$/.test(fragment)) return;
  offered = fragment;
  history.replaceState(null, "", "/");
}

/** Says something to the server, while there is one. */
export let tell = (/** @type {object} */ said) => {};

/**
 * Connects, and connects again whenever the connection has ended. The server tells what goes on only while the tab is
 * visible.
 * @param {(frame: object) => void} receive
 */
export function connect(receive) {
  const key = offered || setting("page-key");
  if (!key) return locked();
  const socket = new WebSocket(`ws://${location.host}/live`);
  tell = (said) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(said));
  const tellVisible = () => tell({ visible: !document.hidden });
  socket.onopen = () => {
    socket.send(key);
    tellVisible();
  };
  document.addEventListener("visibilitychange", tellVisible);
  socket.onmessage = (event) => {
    if (offered) keepSetting("page-key", offered);
    offered = "";
    if (!byId("lost").hidden) found();
    receive(JSON.parse(event.data));
  };
  socket.onclose = ({ code }) => {
    document.removeEventListener("visibilitychange", tellVisible);
    if (code === NOT_ALLOWED && offered && setting("page-key")) {
      offered = "";
      return connect(receive);
    }
    if (code === NOT_ALLOWED) return locked();
    if (code === TOO_MANY) return lost("Too many tabs", "This page is open in as many tabs as it can be. Close some, then reload this one.");
    if (code !== TOO_SLOW) lost("junction-bridge ui has ended", "Run it again in a terminal and open the link that it prints.");
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
