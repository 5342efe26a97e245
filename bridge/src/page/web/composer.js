// Writes a message: to whom, the text, the files, and what is expected. Each conversation keeps its own draft.

import { act, upload } from "./act.js";
import { say, store, threadLink } from "./app.js";
import { bdi, byId, h, icon, show } from "./dom.js";
import { forgetDraft, keepDraft, keptDraft } from "./drafts.js";
import { beginning, completions, isGroupName } from "./threads.js";
import { bytes } from "./words.js";

/** @typedef {{to: string, text: string, reply: {id: string, from: string, mine: boolean, intent?: string, text?: string} | null, ask: boolean, done: boolean, files: any[], error: string, newKey?: string, sending?: boolean, offered?: string}} Draft */

/** @type {Map<string, Draft>} */
const drafts = new Map();
let name = null;
let draft = newDraft("");

const form = byId("composer");
const to = /** @type {HTMLInputElement} */ (byId("to"));
const text = /** @type {HTMLTextAreaElement} */ (byId("text"));
const askBox = /** @type {HTMLInputElement} */ (byId("ask"));
const doneBox = /** @type {HTMLInputElement} */ (byId("done"));
const picker = /** @type {HTMLInputElement} */ (byId("file"));
const sendButton = /** @type {HTMLButtonElement} */ (byId("send"));

function newDraft(receiver) {
  return { to: receiver, text: "", reply: null, ask: false, done: false, files: [], error: "" };
}

/** Keeps what is written now, so that a reload does not lose it. */
function keep() {
  if (name !== null) keepDraft(name, draft);
}

export function startComposer() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  byId("trust").onclick = () => send(draft.newKey);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  text.addEventListener("input", () => {
    draft.text = text.value;
    keep();
  });
  text.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData ?? {};
    // Programs that copy a text often put a picture of it beside it.
    if (!files?.length || types.includes("text/plain")) return;
    event.preventDefault();
    addFiles(files);
  });
  for (const [box, field] of [[askBox, "ask"], [doneBox, "done"]]) {
    box.addEventListener("change", () => {
      draft[field] = box.checked;
      keep();
    });
  }
  for (const input of [to, byId("verify-name")]) {
    for (const event of ["input", "focus"]) input.addEventListener(event, () => complete(/** @type {HTMLInputElement} */ (input).value));
  }
  to.addEventListener("input", () => {
    draft.to = to.value;
    keep();
  });
  byId("reply-drop").onclick = () => {
    draft.reply = null;
    draft.done = false;
    keep();
    fill();
    text.focus();
  };
  byId("attach").onclick = () => picker.click();
  picker.onchange = () => {
    addFiles(picker.files);
    picker.value = "";
  };
}

/** Shows the draft of a conversation: "" for a new one, null for none. */
export function openComposer(thread) {
  name = thread;
  form.hidden = thread === null;
  if (thread === null) return;
  draft = drafts.get(thread) ?? { ...newDraft(thread), ...keptDraft(thread) };
  drafts.set(thread, draft);
  fill();
  focusComposer(true);
}

/** Puts the focus where one writes, if a conversation is open. A phone would show its keyboard over the conversation. */
export function focusComposer(isOther = false) {
  if (name === null) return false;
  const isPhone = !matchMedia("(min-width: 761px)").matches;
  if (isPhone && name !== "") return false;
  // Who writes there already is not moved.
  if (!isOther && form.contains(document.activeElement)) return true;
  (name === "" && !to.value ? to : text).focus();
  return true;
}

/** Begins the answer to the only request of a conversation, unless something is written there already. Offered once. */
export function offerReply(letter) {
  if (draft.offered === letter.id || draft.reply !== null || draft.text !== "" || draft.sending) return;
  draft.offered = letter.id;
  draft.reply = letter;
  keep();
  fill();
}

/** Begins a reply to a letter. */
export function replyTo(letter) {
  if (!letter) return;
  draft.reply = letter;
  draft.done = false;
  keep();
  fill();
  text.focus();
}

function complete(typed) {
  byId("names").replaceChildren(...completions(store, typed).map((each) => h("option", { value: each })));
}

function fill() {
  byId("to-row").hidden = name !== "";
  to.value = draft.to;
  text.value = draft.text;
  askBox.checked = draft.ask;
  doneBox.checked = draft.done;
  byId("reply").hidden = draft.reply === null;
  byId("reply-text").replaceChildren(...(draft.reply ? ["Reply to ", bdi(draft.reply.mine ? "yourself" : draft.reply.from), ...quoted(draft.reply)] : []));
  byId("done-row").hidden = draft.reply?.intent !== "request" || draft.reply.mine;
  fillFiles();
  show(byId("composer-error"), draft.error);
  byId("trust").hidden = !draft.newKey;
  sendButton.disabled = draft.sending === true;
}

/** The beginning of the message that is replied to. A draft that was kept has no text of it. */
function quoted(reply) {
  const whole = reply.text ?? store.letters.get(reply.id)?.text;
  return whole ? [": ", bdi(beginning(whole))] : [];
}

function fillFiles() {
  byId("files").replaceChildren(...draft.files.map((file) => {
    const drop = h("button", { type: "button", class: "quiet icon-only", "aria-label": `Remove ${file.name}` }, icon("close"));
    const owner = draft;
    drop.onclick = () => {
      file.cancel();
      if (file.upload) act("drop", { upload: file.upload }).catch(() => {});
      owner.files = owner.files.filter((other) => other !== file);
      fillFiles();
      text.focus();
    };
    file.bar = file.upload ? null : h("progress", { max: 1, value: file.share, "aria-label": `Upload of ${file.name}` });
    return h("li", {}, bdi(file.name, { title: file.name }), h("span", { class: "muted" }, bytes(file.size)), file.bar, drop);
  }));
}

/** Attaches files to the message that is being written. */
export function addFiles(files) {
  const { attachment, attachments } = store.limits;
  draft.error = "";
  for (const file of files) {
    if (draft.files.length >= attachments) draft.error = `A message has at most ${attachments} attachments. Send the others with another message.`;
    else if (file.size > attachment) draft.error = `${file.name} has ${bytes(file.size)}; an attachment has at most ${bytes(attachment)}. Send a smaller one.`;
    else addFile(file);
  }
  fill();
}

function addFile(file) {
  const owner = draft;
  const entry = { name: file.name, size: file.size, share: 0, upload: null, bar: null, cancel: () => {} };
  const { done, cancel } = upload(file, (share) => {
    entry.share = share;
    if (entry.bar) entry.bar.value = share;
  });
  entry.cancel = cancel;
  owner.files.push(entry);
  done.then(
    (answer) => (entry.upload = answer.upload),
    (failure) => {
      if (owner.files.includes(entry)) owner.error = `${file.name}: ${failure.message}`;
      owner.files = owner.files.filter((other) => other !== entry);
    },
  ).finally(() => owner === draft && fill());
}

/** What keeps the draft from being sent, as a sentence. */
function mistake(receiver) {
  if (!receiver) return "Enter a recipient: a session's name, role:NAME, repo:NAME, or * for everybody.";
  if (!draft.text.trim() && draft.files.length === 0) return "Write something, or attach a file.";
  const size = draft.text.length * 3 > store.limits.message ? new Blob([draft.text]).size : 0;
  if (size > store.limits.message) return `The text has ${bytes(size)}; a message has at most ${bytes(store.limits.message)}. Attach it as a file.`;
  if (draft.files.some((file) => !file.upload)) return "A file is still being uploaded. Send when it is done.";
  if (draft.files.length > 0 && isGroupName(receiver)) return "Attachments go to one session at a time. Choose one, or remove the files.";
  return "";
}

/** What was typed while the first message of a conversation was sent goes on in that conversation. */
function goOn(address, { text, files }) {
  if (!text && files.length === 0) return;
  const begun = drafts.get(address) ?? { ...newDraft(address), ...keptDraft(address) };
  begun.text = [begun.text, text].filter(Boolean).join("\n");
  begun.files = [...begun.files, ...files];
  drafts.set(address, begun);
  keepDraft(address, begun);
}

/** Sends the draft; to the key of this fingerprint, if the person trusts one that is new. */
async function send(fingerprint) {
  const owner = draft;
  const thread = name;
  const receiver = (thread === "" ? to.value : thread).trim();
  owner.newKey = undefined;
  owner.error = mistake(receiver);
  if (owner.sending) owner.error = "The message before this one is still being sent. Wait a moment.";
  if (owner.error) return fill();
  const { reply, ask, done, files } = owner;
  const intent = done && reply ? "done" : ask ? "request" : undefined;
  // An answer to a message goes to who wrote it, also from a group's conversation.
  const message = { to: reply && !reply.mine ? reply.from : receiver, text: owner.text, reply_to: reply?.id, intent, fingerprint, attachments: files.length ? files.map((file) => file.upload) : undefined };
  const begun = { ...owner };
  Object.assign(owner, newDraft(owner.to), { sending: true });
  // Now, so that a reload does not offer it to be sent once more.
  keepDraft(thread, owner);
  fill();
  try {
    // A hub that is started has none of its sessions at first.
    if (store.connection.startable) await act("start", { alias: isGroupName(message.to) ? null : message.to });
    const sent = await act("send", message);
    if (thread === "") {
      drafts.delete("");
      forgetDraft("");
      const address = sent.to ?? message.to;
      goOn(address, owner);
      if (name === "") location.hash = threadLink(address);
    } else {
      // What was typed meanwhile stays.
      keepDraft(thread, owner);
      if (message.to !== thread) say(`Sent to ${message.to}.`);
    }
  } catch (failure) {
    // What was typed meanwhile stays behind it.
    Object.assign(owner, begun, { text: [begun.text, owner.text].filter(Boolean).join("\n"), files: [...begun.files, ...owner.files] });
    owner.error = failure.message;
    owner.newKey = failure.fingerprint;
    keepDraft(thread, owner);
  } finally {
    owner.sending = false;
    if (owner === draft) {
      fill();
      text.focus();
    }
  }
}
