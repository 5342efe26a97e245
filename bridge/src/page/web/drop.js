// Files that are dragged over the page: shows where to drop them, and attaches them to the message that is being written.

import { isShown, place, say } from "./app.js";
import { addFiles } from "./composer.js";
import { byId } from "./dom.js";

const target = byId("drop");

export function startDrop() {
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    // Otherwise the browser would open the file in the place of the page.
    event.preventDefault();
    target.hidden = !canTake();
  });
  addEventListener("dragleave", (event) => {
    // Without a next element the pointer has left the window.
    if (!event.relatedTarget) target.hidden = true;
  });
  addEventListener("dragend", () => (target.hidden = true));
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    target.hidden = true;
    const hasFolder = [...event.dataTransfer.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    if (hasFolder) say("A folder cannot be attached. Drop the files in it instead.");
    else if (canTake()) addFiles(event.dataTransfer.files);
    else say("A file goes with a message. Open a conversation in Messages, and drop it there.");
  });
}

function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** Whether a message is being written that a file could go with. */
function canTake() {
  return isShown("talk") && place.thread !== null && document.querySelector("dialog[open]") === null;
}
