// Asks the person something in a dialog, and shows menus.

import { byId, h } from "./dom.js";

/** @type {HTMLDialogElement} */
const dialog = /** @type {any} */ (byId("dialog"));
const menu = byId("menu");
let opener = null;
/** @type {(() => void) | undefined} What is done once the dialog that is open is closed. */
let afterwards;

/**
 * Opens the dialog with this content. The returned function closes it; so does Escape.
 * @param {() => void} [whenClosed]
 */
export function openDialog(title, children, whenClosed) {
  // The event of this closing comes when the next dialog is open already.
  if (dialog.open) {
    dialog.close();
    closed();
  }
  dialog.replaceChildren(h("div", { class: "sheet" }, h("h2", { id: "dialog-title" }, title), ...children));
  dialog.showModal();
  afterwards = whenClosed;
  return () => dialog.close();
}

dialog.addEventListener("close", () => dialog.open || closed());

function closed() {
  const then = afterwards;
  afterwards = undefined;
  dialog.replaceChildren();
  then?.();
}

/** A button that closes the dialog. */
export function closeButton(label = "Close") {
  return h("button", { type: "button", onclick: () => dialog.close() }, label);
}

/**
 * Asks whether to do something that cannot be taken back, and does it. `focus` gets the focus then, because what had it before
 * may go.
 * @param {{title: string, text: (string | Node)[], button: string, act: () => Promise<void>, focus?: HTMLElement}} what
 */
export function confirm({ title, text, button, act, focus }) {
  let isDone = false;
  const error = h("p", { class: "error", role: "alert" });
  const yes = h("button", { type: "button", class: "danger primary" }, button);
  yes.onclick = async () => {
    // A disabled button would lose the focus.
    if (yes.ariaDisabled === "true") return;
    yes.ariaDisabled = "true";
    error.textContent = "";
    try {
      await act();
      isDone = true;
      if (yes.isConnected) dialog.close();
    } catch (failure) {
      error.textContent = failure.message;
      yes.ariaDisabled = "false";
    }
  };
  openDialog(title, [...text.map((part) => h("p", {}, part)), error, h("div", { class: "actions" }, closeButton("Cancel"), yes)], () => isDone && focus?.focus());
}

/**
 * Opens a menu below a button.
 * @param {HTMLElement} button
 * @param {(null | {label: string, act: () => void, danger?: boolean})[]} items null is a line
 */
export function openMenu(button, items, label) {
  const again = opener === button;
  closeMenu(false);
  if (again) return;
  opener = button;
  button.setAttribute("aria-expanded", "true");
  menu.setAttribute("aria-label", label);
  menu.replaceChildren(
    ...items.map((item) => {
      if (!item) return h("hr", { role: "separator" });
      const run = () => {
        closeMenu(true);
        item.act();
      };
      return h("button", { type: "button", role: "menuitem", tabindex: "-1", class: item.danger ? "danger" : null, onclick: run }, item.label);
    }),
  );
  menu.hidden = false;
  const at = button.getBoundingClientRect();
  const { offsetWidth, offsetHeight } = menu;
  menu.style.left = `${Math.max(8, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
  menu.style.top = `${at.bottom + offsetHeight + 8 > innerHeight ? Math.max(8, at.top - offsetHeight - 4) : at.bottom + 4}px`;
  /** @type {HTMLElement} */ (menu.firstElementChild).focus();
}

function closeMenu(focus) {
  if (!opener) return;
  menu.hidden = true;
  opener.setAttribute("aria-expanded", "false");
  if (focus) opener.focus();
  opener = null;
}

menu.addEventListener("keydown", (event) => {
  const items = [...menu.querySelectorAll("button")];
  const at = items.indexOf(/** @type {any} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) items[to % items.length].focus();
  else if (event.key === "Escape" || event.key === "Tab") closeMenu(true);
  else return;
  event.stopPropagation();
  event.preventDefault();
});
addEventListener("pointerdown", (event) => {
  const target = /** @type {Node} */ (event.target);
  if (!menu.contains(target) && !opener?.contains(target)) closeMenu(false);
});
addEventListener("scroll", () => closeMenu(false), { capture: true, passive: true });
addEventListener("resize", () => closeMenu(false));
