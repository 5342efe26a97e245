// Machines: the hubs that this machine knows, and how others join.

import { act } from "./act.js";
import { isShown, say, store } from "./app.js";
import { closeButton, confirm, openDialog } from "./dialog.js";
import { bdi, byId, emptyState, h, keep, show } from "./dom.js";
import { ask, define } from "./work.js";

/** Seconds after which a secret is hidden again. */
const SHOWN_FOR = 60;
let hosts = null;

export function startMachines() {
  define("machines", render);
  byId("machines-refresh").onclick = refresh;
  byId("invite").onclick = () => invite();
  byId("join").onclick = join;
  byId("rotate").onclick = rotate;
  byId("another").onclick = another;
}

/** The section is shown now. */
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
  name.replaceChildren(h("strong", {}, bdi(host.name)), host.current ? h("span", {}, " ", h("span", { class: "tag accent" }, "this page")) : "", host.linked ? "" : h("span", {}, " ", h("span", { class: "tag warn" }, "no link: join it")));
  address.replaceChildren(h("code", {}, bdi(host.address)));
  answers.replaceChildren(h("span", { class: "state" + (host.reachable ? " busy" : " away") }, host.reachable ? `yes${host.latencyMs === undefined ? "" : `, in ${host.latencyMs} ms`}` : "no"));
  sessions.replaceChildren(host.activePeers === undefined ? "" : String(host.activePeers));
  version.replaceChildren(host.version ? bdi(host.version) : "");
  action.replaceChildren(host.linked && host.name !== "local" ? h("button", { type: "button", class: "quiet danger", "aria-label": `Forget ${host.name}`, onclick: () => forget(host) }, "Forget") : "");
}

function forget(host) {
  confirm({
    title: "Forget this hub?",
    text: [bdi(host.name), "This machine deletes its link. Sessions here can no longer join the hub. Anyone with a copy of the link still can.", "To come back, you need a new invite link."],
    button: "Forget",
    act: async () => {
      await act("forget", { name: host.name });
      say(`${host.name} is forgotten.`);
      refresh();
    },
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
    act: async () => say((await act("rotate")).said),
  });
}

async function invite(host) {
  let answer;
  try {
    answer = await act("invite", host ? { host } : {});
  } catch (failure) {
    show(byId("machines-error"), failure.message);
    return;
  }
  show(byId("machines-error"), "");
  const left = h("span", {}, `The links are hidden in ${SHOWN_FOR} s.`);
  const close = openDialog("Invite a machine", [
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
}

function qrCode(path, size) {
  const names = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(names, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "QR code of the link");
  const drawing = document.createElementNS(names, "path");
  drawing.setAttribute("d", path);
  svg.append(drawing);
  return svg;
}

function copyButton(text) {
  const button = h("button", { type: "button" }, "Copy the link");
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

function join() {
  const link = h("input", { required: true, autocomplete: "off", spellcheck: "false", placeholder: "junction://", type: "password" });
  const name = h("input", { required: true, autocomplete: "off", spellcheck: "false", placeholder: "attic" });
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
      say(`Joined ${joined.name}, the hub at ${joined.address}.`);
      refresh();
    } catch (failure) {
      error.textContent = failure.message;
    }
    button.disabled = false;
  };
  const close = openDialog("Join a hub", [h("p", { class: "muted" }, "Get an invite link on a machine that has already joined: run junction-bridge invite, or use this page there."), form]);
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
