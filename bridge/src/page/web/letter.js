// Shows one letter of the person's conversations. Its text is built once; status, members and attachments are written again.

import { act, download } from "./act.js";
import { say } from "./app.js";
import { bdi, h, timeAgo } from "./dom.js";
import { parse } from "./markdown.js";
import { isOpenRequest } from "./store.js";
import { preview } from "./threads.js";
import { bytes, fileWord, isLost, statusWord } from "./words.js";

/** Characters of a text that are shown at first, and in one piece of a text that is shown whole. */
const FIRST = 4000;
/** The same of a text in a script that takes long to lay out, such as Arabic, or with many combining marks. */
const FIRST_OF_OTHERS = 1500;
const PIECE = 1000;

/**
 * @param {import("./store.js").Letter} letter
 * @param {{reply: (id: string) => void, quoted: (id: string) => import("./store.js").Letter | undefined, go: (id: string) => void}} what
 */
export function newLetter(letter, what) {
  const box = h("div", { class: "letter-box" });
  const item = h("li", { class: `letter${letter.mine ? " mine" : ""}${letter.intent === "request" && !letter.mine ? " asks" : ""}`, "data-id": letter.id, tabindex: "-1" },
    h("div", { class: "letter-head" }), box, h("div", { class: "letter-foot" }));
  const quoted = letter.reply_to !== undefined ? what.quoted(letter.reply_to) : undefined;
  if (quoted) box.append(h("button", { type: "button", class: "quote", onclick: () => what.go(quoted.id), title: "Go to the message that this replies to" }, bdi(preview(quoted, 120))));
  return item;
}

/** The part of a letter that has its text, or waits for it. */
export function boxOf(item) {
  return item.children[1];
}

/** Shows the first part of a text, and the rest when the person asks for it. */
function fillText(box, text) {
  const first = firstOf(text);
  if (text.length <= first) {
    box.append(...parse(text).map(blockElement));
    return;
  }
  const begin = text.slice(0, wholeCharacters(text, first));
  const parts = parse(begin).map(blockElement);
  const button = h("button", { type: "button" }, `Show all ${bytes(new Blob([text]).size)}`);
  button.onclick = () => {
    for (const part of parts) part.remove();
    button.remove();
    // As text in pieces: laying out one line of 64 KiB at once would stop the page.
    addPieces(box, pieces(text));
  };
  box.append(...parts, button);
}

/** How much of a text is shown at first: less if more than a quarter of it is not Latin. */
function firstOf(text) {
  let others = 0;
  for (let at = 0; at < Math.min(text.length, FIRST); at++) if (text.charCodeAt(at) > 0x24f) others++;
  return others * 4 > Math.min(text.length, FIRST) ? FIRST_OF_OTHERS : FIRST;
}

function addPieces(box, rest) {
  const next = rest.next();
  if (next.done) return;
  box.append(h("p", { class: "part" }, next.value));
  requestAnimationFrame(() => addPieces(box, rest));
}

/** A text in pieces that end at the end of a line where there is one. */
export function* pieces(text) {
  for (let from = 0; from < text.length; ) {
    let to = from + wholeCharacters(text.slice(from, from + PIECE + 2), PIECE);
    const line = text.lastIndexOf("\n", to);
    if (to < text.length && line > from + PIECE / 2) to = line + 1;
    yield text.slice(from, to).replace(/\n$/, "");
    from = to;
  }
}

/** The length of the longest beginning of a text, up to `most`, that ends with a whole character. */
function wholeCharacters(text, most) {
  const last = text.charCodeAt(most - 1);
  return text.length > most && last >= 0xd800 && last < 0xdc00 ? most - 1 : Math.min(most, text.length);
}

function spanElements(spans) {
  return spans.map(({ kind, text }) => (kind === "code" ? h("code", {}, text) : kind === "address" ? h("span", { class: "address" }, text) : text));
}

function blockElement(block) {
  if (block.kind === "code") return h("pre", {}, block.text);
  if (block.kind === "heading") return h("p", {}, h("strong", {}, ...spanElements(block.spans)));
  if (block.kind === "text") return h("p", {}, ...spanElements(block.spans));
  return h(block.ordered ? "ol" : "ul", { start: block.ordered && block.first !== 1 ? block.first : null }, ...block.items.map((spans) => h("li", {}, ...spanElements(spans))));
}

const shownIn = new WeakMap();

/** Brings a letter up to date. Its text is built once. Returns whether anything of it is new. */
export function updateLetter(item, letter, what) {
  if (shownIn.get(item) === letter) return false;
  const hadText = shownIn.get(item)?.text !== undefined;
  const isNew = !hadText && letter.text !== undefined;
  if (isNew) fillText(boxOf(item), letter.text);
  if (hadText && letter.text === undefined) for (const part of [...boxOf(item).children]) if (!part.matches(".quote")) part.remove();
  item.classList.toggle("waits", letter.text === undefined);
  item.classList.toggle("unread", letter.unread === true);
  const open = item.querySelector("details")?.open ?? false;
  shownIn.set(item, letter);
  const [head, , foot] = item.children;
  const tag = (text, kind = "") => h("span", { class: `tag ${kind}` }, text);
  head.replaceChildren(
    h("strong", {}, letter.mine ? "You" : bdi(letter.from)),
    timeAgo(letter.at),
    ...(letter.from_person && !letter.mine ? [tag("says it is a person")] : []),
    ...(letter.group && !letter.mine ? [h("span", {}, "to ", bdi(letter.group))] : []),
    ...(letter.intent === "request" ? [tag(letter.answered ? "answered" : letter.dismissed ? "dismissed" : letter.mine ? "asks for an answer" : "asks you for an answer", letter.answered || letter.dismissed ? "accent" : "warn")] : []),
    ...(letter.intent === "done" ? [tag("finished", "accent")] : []),
    ...(letter.key_changed ? [tag("key changed: maybe not the same session as before. Verify it", "bad")] : []),
  );
  const children = [];
  if (letter.attachments?.length) children.push(attachmentList(letter));
  if (letter.mine && letter.status && !letter.members?.length) {
    children.push(h("span", { class: isLost(letter.status) || letter.status === "unconfirmed" ? "bad" : "" }, statusWord(letter.status)));
  }
  if (letter.why) children.push(h("span", {}, letter.why));
  if (letter.members?.length) children.push(memberList(letter.members, open));
  if (!letter.mine && letter.text !== undefined) children.push(h("button", { type: "button", class: "quiet", onclick: () => what.reply(letter.id) }, "Reply"));
  if (isOpenRequest(letter) && letter.text !== undefined) children.push(h("button", { type: "button", class: "quiet", onclick: () => dismiss(letter.id) }, "Dismiss"));
  const focused = foot.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  foot.replaceChildren(...children);
  // The buttons are others now, and the focus stays where the person has it.
  if (focused !== null) /** @type {HTMLElement | undefined} */ ([...foot.querySelectorAll("button, summary")].find((element) => nameOf(element) === focused))?.focus();
  return true;
}

function nameOf(element) {
  return element.dataset.name ?? element.textContent;
}

/** Puts a request aside, such as one whose sender has gone. */
function dismiss(id) {
  act("dismiss", { ids: [id] }).catch((failure) => say(failure.message));
}

function memberList(members, open) {
  const read = members.filter((member) => member.status === "read").length;
  return h("details", { class: "members", open },
    h("summary", {}, `${read} of ${members.length} read`),
    h("ul", {}, ...members.map(({ alias, status, why }) => h("li", {}, bdi(alias), " ", h("span", { class: isLost(status) ? "bad" : "" }, statusWord(status)), why ? `: ${why}` : ""))));
}

function attachmentList(letter) {
  return h("ul", { class: "files", "aria-label": "Attachments" }, ...letter.attachments.map((file) => {
    const save = h("button", { type: "button", "data-name": `file ${file.number}` });
    showSaved(save, letter, file);
    save.onclick = () => saveFile(save, letter, file);
    return h("li", {}, bdi(file.name, { title: file.name }), h("span", { class: "muted" }, file.kind === "value" ? "value" : bytes(file.bytes)),
      file.status ? h("span", { class: "muted" }, fileWord(file.status)) : "", letter.mine ? "" : save);
  }));
}

/** Attachments that are being saved, or were: "saving" or "saved" by message and number. */
const saves = new Map();

function showSaved(button, letter, file) {
  const state = saves.get(`${letter.id} ${file.number}`);
  button.textContent = { saving: "Saving", saved: "Saved" }[state] ?? "Save";
  button.setAttribute("aria-label", state === "saved" ? `Saved ${file.name}. Save it again` : `${button.textContent} ${file.name}`);
}

async function saveFile(button, letter, file) {
  const key = `${letter.id} ${file.number}`;
  // The button is not disabled meanwhile, because it would lose the focus.
  if (saves.get(key) === "saving") return;
  saves.set(key, "saving");
  showSaved(button, letter, file);
  try {
    const address = URL.createObjectURL(await download(letter.id, file.number));
    h("a", { href: address, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    saves.set(key, "saved");
    say(`${file.name} is saved.`);
  } catch (failure) {
    say(failure.message);
    saves.delete(key);
  }
  // The message may have been shown again meanwhile, with another button.
  for (const shown of [button, document.querySelector(`[data-id="${CSS.escape(letter.id)}"] [data-name="file ${file.number}"]`)]) if (shown) showSaved(shown, letter, file);
}
