// Shows the words that two people compare to be sure that nobody stands between their sessions.

import { act } from "./act.js";
import { closeButton, openDialog } from "./dialog.js";
import { bdi, byId, h, show } from "./dom.js";
import { say } from "./app.js";

export function startVerify() {
  byId("verify-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const alias = /** @type {HTMLInputElement} */ (byId("verify-name")).value.trim();
    show(byId("verify-error"), alias ? "" : "Say which session.");
    if (alias) show(byId("verify-error"), await words(alias));
  });
}

/** Shows the words for a session. */
export async function showWords(alias) {
  const error = await words(alias);
  if (error) say(error);
}

async function words(alias) {
  try {
    const { own, peer, phrase } = await act("verify", { alias });
    openDialog("Compare these words", [
      h("p", {}, "Read them to the person at ", bdi(alias), ", outside of the junction. They see the same words if nobody stands between you."),
      h("p", { class: "words" }, phrase),
      h("p", { class: "muted" }, "Different words mean that someone is intercepting, or that this is not the session you think. Then stop writing to it."),
      h("dl", {}, h("dt", {}, "Your fingerprint"), h("dd", {}, h("code", {}, own)), h("dt", {}, "Its fingerprint"), h("dd", {}, h("code", {}, peer))),
      h("div", { class: "actions" }, closeButton()),
    ]);
    return "";
  } catch (failure) {
    return failure.message;
  }
}
