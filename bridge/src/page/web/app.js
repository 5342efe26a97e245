// What all views share: the store, where the page is, and how to say something.

import { byId } from "./dom.js";
import { newStore } from "./store.js";

export const store = newStore();

/** The sections of the page, in the order of their keys 1 to 5. */
export const SECTIONS = ["who", "flow", "talk", "claims", "machines"];

/** Where the page is: a section, and in talk the conversation ("" for a new one). `lastThread` was open there last. */
export const place = { section: "who", thread: /** @type {string | null} */ (null), lastThread: /** @type {string | null} */ (null) };

/** Whether the person sees this section now. */
export function isShown(section) {
  return place.section === section;
}

/** The address of a conversation on this page. */
export function threadLink(name) {
  return `#talk/${encodeURIComponent(name)}`;
}

/** The address of a section. That of talk leads back to the conversation that was open there; within talk, to the list. */
export function sectionLink(section) {
  return section === "talk" && !isShown("talk") && place.lastThread !== null ? threadLink(place.lastThread) : `#${section}`;
}

let silence = 0;

/** Says something for some seconds. Screen readers say it, too. */
export function say(sentence) {
  clearTimeout(silence);
  byId("said").textContent = sentence;
  silence = setTimeout(() => (byId("said").textContent = ""), 6000);
}

/** A setting of this browser, or null. */
export function setting(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a setting of this browser, or forgets it. */
export function keepSetting(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Without storage it lasts as long as the page.
  }
}
