// Invites a machine: shows the links by which it joins a hub, for a while, also as QR codes.

import { act } from "./act.js";
import { closeButton, openDialog } from "./dialog.js";
import { h } from "./dom.js";

/** Seconds after which a secret is hidden again. */
const SHOWN_FOR = 60;
/** Pixels of a module of a QR code: a telephone reads that from an arm's length. */
const MODULE = 4;

/** Shows the links by which a machine joins this hub. Returns what keeps them from being made, or nothing. */
export async function invite(host, title) {
  let answer;
  try {
    answer = await act("invite", { host });
  } catch (failure) {
    return failure.message;
  }
  const left = h("span", {}, `The links are hidden in ${SHOWN_FOR} s.`);
  const close = openDialog(title, [
    h("p", { class: "error" }, answer.warning),
    h("p", { class: "muted", role: "timer" }, left),
    h("p", { class: "muted" }, "On the other machine, run ", h("code", {}, "junction-bridge join"), " and paste the link."),
    ...answer.links.map(({ link, qr, size }) => h("div", { class: "link" }, qr ? qrCode(qr, size) : "", h("code", { tabindex: "0" }, link), copyButton(link))),
    h("div", { class: "actions" }, closeButton()),
  ], () => clearInterval(timer));
  const end = Date.now() + SHOWN_FOR * 1000;
  const timer = setInterval(() => {
    const seconds = Math.ceil((end - Date.now()) / 1000);
    left.textContent = `The links are hidden in ${seconds} s.`;
    if (seconds <= 0) close();
  }, 1000);
  return "";
}

function qrCode(path, size) {
  const names = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(names, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("class", "qr");
  // Whole pixels, so that each module is as wide as the next.
  for (const side of ["width", "height"]) svg.setAttribute(side, String(size * MODULE));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "QR code of the link");
  const drawing = document.createElementNS(names, "path");
  drawing.setAttribute("d", path);
  svg.append(drawing);
  return svg;
}

/** A button that copies a text. */
export function copyButton(text, label = "Copy the link") {
  const button = h("button", { type: "button" }, label);
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy it by hand";
    }
  };
  return button;
}
