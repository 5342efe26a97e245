// Keys: sections by number or by g and a letter, / for the search, ? for this list.

import { isShown, keepSetting, place, SECTIONS, sectionLink, setting } from "./app.js";
import { closeButton, openDialog } from "./dialog.js";
import { byId, h } from "./dom.js";
import { FIELDS } from "./filter.js";
import { togglePause } from "./flow.js";

const LETTERS = { w: "who", f: "flow", t: "talk", c: "claims", m: "machines" };
const KEYS = [
  [["1", "to", "5"], "Who, What goes on, Messages, Claims, Machines"],
  [["g"], "and then w, f, t, c or m: the same sections"],
  [["/"], "Search, or filter"],
  [["n"], "New message"],
  [["p"], "Pause or resume what goes on"],
  [["↑", "↓"], "Move in a list"],
  [["Enter"], "Send; Shift+Enter for a new line"],
  [["Esc"], "Close, or leave a field"],
  [["?"], "This list"],
];
const SCROLLING = ["PageDown", "PageUp", "ArrowDown", "ArrowUp", "Home", "End", " "];
let afterG = 0;

export function startKeys() {
  byId("keys").onclick = showKeys;
  addEventListener("keydown", (event) => {
    // The content scrolls, and the window does not: while nothing has the focus, these keys would do nothing.
    if (SCROLLING.includes(event.key) && document.activeElement === document.body) byId("view").focus({ preventScroll: true });
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.matches("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape" && typing && !target.closest("dialog")) return leave(/** @type {HTMLInputElement} */ (target));
    if (typing || document.querySelector("dialog[open]") || !byId("menu").hidden || !byId("lost").hidden || setting("page-keys") === "off") return;
    if (press(event.key)) event.preventDefault();
  });
}

/** Escape clears a search first, and then leaves the field. */
function leave(field) {
  if (field.type === "search" && field.value) {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  } else {
    field.blur();
  }
}

function press(key) {
  const second = Date.now() - afterG < 1500;
  afterG = 0;
  if (second && LETTERS[key]) return go(LETTERS[key]);
  if (SECTIONS[Number(key) - 1]) return go(SECTIONS[Number(key) - 1]);
  if (key === "g") afterG = Date.now();
  else if (key === "?") showKeys();
  else if (key === "n") location.hash = "#talk/";
  else if (key === "p" && place.section === "flow") togglePause();
  else if (key === "/") return focusSearch();
  return key === "n" || key === "?";
}

function go(section) {
  if (!isShown(section)) location.hash = sectionLink(section);
  return true;
}

function focusSearch() {
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector("section:not([hidden]) > .bar input[type=search]"));
  field?.focus();
  field?.select();
  return field !== null;
}

function showKeys() {
  const single = h("input", { type: "checkbox" });
  single.checked = setting("page-keys") !== "off";
  single.onchange = () => keepSetting("page-keys", single.checked ? null : "off");
  openDialog("Keys", [
    h("dl", {}, ...KEYS.flatMap(([keys, does]) => [h("dt", {}, ...keys.flatMap((key) => (key === "to" ? " to " : [h("kbd", {}, key), " "]))), h("dd", {}, does)])),
    h("p", { class: "muted" }, "A search in Who may name where to look: ", ...FIELDS.flatMap((field) => [h("code", {}, `${field}:`), " "])),
    h("label", { class: "check" }, single, "Enable single-key shortcuts"),
    h("div", { class: "actions" }, closeButton()),
  ]);
}
