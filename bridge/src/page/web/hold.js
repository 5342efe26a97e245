// Holds, releases and removes sessions of this user on this machine.

import { act } from "./act.js";
import { say, store } from "./app.js";
import { confirm, openMenu } from "./dialog.js";
import { bdi, byId } from "./dom.js";

const QUARTER = 15 * 60;
const HOUR = 60 * 60;
const DAY = 24 * HOUR;

/** Whether this session is held now. */
export function isHeld(own) {
  return own !== undefined && own.held_until !== undefined && own.held_until > Date.now();
}

/** Opens the menu of one session of this user. */
export function openSessionMenu(button, alias) {
  const own = store.own.get(alias);
  // Nothing wakes a session that is reached over HTTP, so there is nothing to hold back.
  const wakes = own?.http ? [] : [...holds(alias, `${alias} is`), isHeld(own) && { label: "Release", act: () => release(alias) }, null];
  openMenu(
    button,
    [
      ...wakes,
      { label: "Remove…", danger: true, act: () => remove(alias) },
    ].filter((item) => item !== false),
    `Actions for ${alias}`,
  );
}

/** Opens the menu for all sessions of this user. */
export function openHoldAllMenu(button) {
  const anyHeld = [...store.own.values()].some(isHeld);
  openMenu(button, [...holds(null, "All of your sessions are"), ...(anyHeld ? [null, { label: "Release all", act: () => release(null) }] : [])], "Hold all of your sessions");
}

function holds(alias, name) {
  return [
    { label: "Hold for 15 minutes", act: () => hold(alias, QUARTER, `${name} on hold for 15 minutes. Messages will wait.`) },
    { label: "Hold for 1 hour", act: () => hold(alias, HOUR, `${name} on hold for 1 hour. Messages will wait.`) },
    { label: "Hold until released (24 h at most)", act: () => hold(alias, DAY, `${name} on hold for 24 hours, or until you release the hold.`) },
  ];
}

function hold(alias, seconds, done) {
  attempt(act("hold", { alias, seconds }), done);
}

/** Ends the hold of one session, or of all. */
export function release(alias) {
  attempt(act("release", { alias }), alias === null ? "All of your sessions are released." : `${alias} is released.`);
}

function attempt(doing, done) {
  doing.then(
    () => say(done),
    (failure) => say(failure.message),
  );
}

function remove(alias) {
  confirm({
    title: `Remove ${alias}?`,
    text: [
      "The session leaves the hub. Others see that it is gone, cannot write to it, and its claims end. Unread messages expire.",
      "The client keeps running. Its agent is told to ask you before it registers again. Then it has a new key, and peers that knew it are told that its key has changed.",
    ],
    button: "Remove",
    act: async () => {
      await act("remove", { alias });
      say(`${alias} has left the hub.`);
    },
    focus: byId("who-search"),
  });
}
