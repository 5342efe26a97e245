// Machines: the hubs that this machine knows, and how others join.

import { act } from "./act.js";
import { isShown, say, store } from "./app.js";
import { closeButton, confirm, openDialog, openMenu } from "./dialog.js";
import { bdi, byId, emptyState, h, icon, keep, parts, show } from "./dom.js";
import { copyButton, invite } from "./invite.js";
import { ask, define } from "./work.js";

const MODES = { localhost: "serves this machine only", lan: "serves other machines, too" };
/** What answers at a host's address, where that is not simply its hub. */
const TROUBLES = {
  old_link: ["answers, but the link is no longer valid", "Join it again, with a new link from the person who runs it."],
  other_key: ["answers with another key", "What answers is not the hub of the link. Join it again only with a link from the person who runs it."],
  stranger: ["something else answers", "What answers at this address did not prove to be the hub."],
};
const LOCAL = "local";
/** Milliseconds between two looks while the section is shown. */
const LOOK = 10_000;
let hosts = null;

export function startMachines() {
  define("machines", render);
  byId("machines-refresh").onclick = refresh;
  byId("invite").onclick = chooseHub;
  byId("join").onclick = join;
  byId("rotate").onclick = rotate;
  byId("another").onclick = another;
  setInterval(() => isShown("machines") && !document.hidden && refresh(), LOOK);
}

/** The section is shown now, or what it shows may have changed. */
export function showMachines() {
  if (!isShown("machines")) return;
  ask("machines");
  refresh();
}

async function refresh() {
  const error = byId("machines-error");
  try {
    ({ hosts } = await act("machines"));
    show(error, "");
  } catch (failure) {
    show(error, failure.message);
  }
  ask("machines");
}

function* render() {
  if (!isShown("machines")) return;
  byId("rotate-panel").hidden = !store.hub.local;
  const nothing = byId("hosts-empty");
  byId("hosts").parentElement.hidden = !hosts?.length;
  nothing.hidden = Boolean(hosts?.length) || hosts === null;
  emptyState(nothing, "No hub is known yet", "A hub on this machine starts with the first agent. To join another machine's, get a link from there (`junction-bridge invite`) and choose Join a hub.");
  yield* keep(byId("hosts"), hosts ?? [], { key: (host) => host.name, make: newHost, update: updateHost });
}

function newHost() {
  const cell = (attributes) => h("td", { role: "cell", ...attributes });
  return h("tr", { role: "row" }, cell(), cell(), cell(), cell({ class: "num", "data-name": "sessions" }), cell({ "data-name": "version" }), cell({ class: "act" }));
}

function updateHost(row, host) {
  const shown = JSON.stringify(host);
  if (row.dataset.shown === shown) return;
  row.dataset.shown = shown;
  const [name, address, answers, sessions, version, action] = row.children;
  const tag = (text, kind) => h("span", {}, " ", h("span", { class: `tag ${kind}` }, text));
  name.replaceChildren(h("strong", {}, bdi(host.name)), host.current ? tag("this page", "accent") : "", !host.linked && !host.trouble ? tag("no link: join it", "warn") : "");
  address.replaceChildren(h("code", {}, parts(host.address)));
  answers.replaceChildren(...answer(host));
  sessions.replaceChildren(host.activePeers === undefined ? "" : String(host.activePeers));
  version.replaceChildren(host.version ? bdi(host.version) : "");
  action.replaceChildren(choices(host).length ? h("button", { type: "button", class: "quiet icon-only", "aria-label": `Actions for ${host.name}`, "aria-haspopup": "menu", "aria-expanded": "false", onclick: (event) => openMenu(event.currentTarget, choices(host), `Actions for ${host.name}`) }, icon("more")) : "");
}

/** Whether the hub answers, and which machines it serves or what is wrong. */
function answer(host) {
  if (host.trouble) {
    const [word, next] = TROUBLES[host.trouble] ?? [host.trouble, ""];
    return [h("span", { class: "state waiting" }, word), h("small", {}, next)];
  }
  if (!host.reachable) return [h("span", { class: "state away" }, "no answer")];
  const time = host.latencyMs === undefined ? "" : ` in ${host.latencyMs} ms`;
  return [h("span", { class: "state busy" }, `answers${time}`), host.mode ? h("small", {}, MODES[host.mode] ?? host.mode) : ""];
}

/** What can be done with a host. A link is given away only of a hub that takes it. */
function choices(host) {
  return [
    ...(host.name === LOCAL || host.linked ? [{ label: "Invite a machine", act: () => inviteTo(host.name) }] : []),
    ...(host.kept && host.name !== LOCAL ? [{ label: "Forget…", danger: true, act: () => forget(host) }] : []),
  ];
}

/** Asks whose link is meant, if this machine has several. */
function chooseHub(event) {
  const linked = (hosts ?? []).filter((host) => host.linked && host.name !== LOCAL);
  if (linked.length === 0) return inviteTo(LOCAL);
  const item = (name, label) => ({ label, act: () => inviteTo(name) });
  openMenu(event.currentTarget, [item(LOCAL, "To the hub of this machine"), ...linked.map(({ name }) => item(name, `To ${name}`))], "Which hub to invite a machine to");
}

async function inviteTo(name) {
  show(byId("machines-error"), await invite(name, name === LOCAL ? "Invite a machine" : `Invite a machine to ${name}`));
}

function forget(host) {
  confirm({
    title: "Forget this hub?",
    text: [
      bdi(host.name),
      "This machine deletes its link. No session here can join the hub any more; those that are on it stay until they end.",
      "Anyone with a copy of the link can still join. To come back, you need a new invite link.",
    ],
    button: "Forget",
    act: async () => {
      await act("forget", { name: host.name });
      say(`${host.name} is forgotten.`);
      refresh();
    },
    focus: byId("join"),
  });
}

function rotate() {
  confirm({
    title: "Give the group a new secret?",
    text: [
      "All sessions are disconnected within a second. Those on this machine reconnect by themselves.",
      "All invite links made before are no longer valid: every other machine has to join again with a new link.",
      "Messages in transit will be marked unconfirmed.",
    ],
    button: "Make a new secret",
    act: async () => rotated((await act("rotate")).said),
  });
}

/** Says what is left to do once the group has a new secret: on the other machines nothing happens by itself. */
function rotated(said) {
  const again = h("button", { type: "button", class: "primary" }, "Invite a machine");
  again.onclick = () => inviteTo(LOCAL);
  openDialog("The group has a new secret", [
    h("p", {}, said),
    h("p", {}, "Every other machine has to join again: invite it here, and there choose Join a hub on this page, or run ", h("code", {}, "junction-bridge join"), ". Under the same name, its sessions come back by themselves."),
    h("div", { class: "actions" }, closeButton(), again),
  ]);
  refresh();
}

function join() {
  const link = h("input", { required: true, autocomplete: "off", spellcheck: "false", placeholder: "junction://", type: "password" });
  const name = h("input", { autocomplete: "off", spellcheck: "false", placeholder: "its own, if empty" });
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "primary" }, "Join");
  const form = h("form", { class: "sheet-form" },
    h("label", {}, "Invite link", link), h("label", {}, "Name for it on this machine", name), error,
    h("div", { class: "actions" }, closeButton("Cancel"), button));
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      const joined = await act("join", { link: link.value.trim(), name: name.value.trim() });
      close();
      joinedHub(joined);
      refresh();
    } catch (failure) {
      error.textContent = failure.message;
    }
    button.disabled = false;
  };
  const close = openDialog("Join a hub", [h("p", { class: "muted" }, "Get an invite link on a machine that has already joined: run junction-bridge invite, or use this page there."), form]);
}

/** Says how sessions get to a hub that this machine has joined: none does by itself. */
function joinedHub({ name, address, remark }) {
  const command = `JUNCTION_HUB=${name} junction-bridge ui`;
  openDialog(`Joined ${name}`, [
    h("p", {}, "This machine can use the hub at ", h("code", {}, parts(address)), " now. Sessions stay where they are until you say so."),
    ...(remark ? [h("p", {}, remark)] : []),
    h("p", {}, "To move an agent there, tell it: register with host ", h("strong", {}, bdi(name)), "."),
    h("p", {}, "This page goes on showing its own hub. For a page of ", bdi(name), ", run:"),
    h("div", { class: "link" }, h("code", { tabindex: "0" }, command), copyButton(command, "Copy the command")),
    h("div", { class: "actions" }, closeButton()),
  ]);
}

async function another() {
  try {
    const { link } = await act("link");
    openDialog("Open this page in another browser", [
      h("p", { class: "muted" }, "The link works once, on this machine. Whoever opens it can do what you can do here."),
      h("div", { class: "link" }, h("code", { tabindex: "0" }, link), copyButton(link)),
      h("div", { class: "actions" }, closeButton()),
    ]);
  } catch (failure) {
    say(failure.message);
  }
}
