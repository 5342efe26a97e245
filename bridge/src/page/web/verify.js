// Shows the words that two people compare to be sure that nobody stands between their sessions.

import { act } from "./act.js";
import { store } from "./app.js";
import { closeButton, openDialog } from "./dialog.js";
import { bdi, byId, h, show } from "./dom.js";

const YOURS = " is one of your own sessions, on this machine. It needs no check: nobody else can be at its other end.";

export function startVerify() {
  byId("verify-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const alias = /** @type {HTMLInputElement} */ (byId("verify-name")).value.trim();
    show(byId("verify-error"), alias ? "" : "Say which session.");
    if (alias) showWords(alias);
  });
}

/** Shows the words for a session: at once that they are looked up, and then the words, or why there are none. */
export async function showWords(alias) {
  if (alias === store.you.alias) return showOwn(alias, " is you, on this page. Choose the session of somebody else.");
  if (store.own.has(alias)) return showOwn(alias, YOURS);
  const found = h("div", { class: "found", role: "status" }, h("p", { class: "muted" }, "Looking up the key of ", bdi(alias), "…"), h("progress", { "aria-label": "Looking up" }));
  openDialog("Compare these words", [found, h("div", { class: "actions" }, closeButton())]);
  try {
    const words = await act("verify", { alias });
    if (words.yours) return showOwn(alias, YOURS);
    found.replaceChildren(...comparison(alias, words));
  } catch (failure) {
    found.replaceChildren(h("p", { class: "error" }, failure.message));
  }
}

function showOwn(alias, text) {
  openDialog("No check is needed", [h("p", {}, bdi(alias), text), h("div", { class: "actions" }, closeButton())]);
}

function comparison(alias, { own, peer, phrase }) {
  return [
    h("p", {}, "Read them to the person at ", bdi(alias), ", outside of the junction. If nobody stands between you, they see the same words."),
    h("p", { class: "words" }, phrase),
    h("p", { class: "muted" }, "The other person finds the words under Verify on their own page, or by running ", h("code", {}, "junction-bridge verify ", bdi(store.you.alias))),
    h("p", { class: "muted" }, "Different words mean that someone is intercepting, or that this is not the session you think. Then stop writing to it."),
    h("dl", {}, h("dt", {}, "Your fingerprint"), h("dd", {}, h("code", {}, own)), h("dt", {}, "Its fingerprint"), h("dd", {}, h("code", {}, peer))),
  ];
}
