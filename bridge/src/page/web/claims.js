// Claims: what sessions are about to change, by repository, and where two are in each other's way.

import { isShown, store, threadLink } from "./app.js";
import { bdi, byId, emptyState, h, keep, parts, setText, timeAgo, timeUntil } from "./dom.js";
import { count } from "./words.js";
import { ask, define } from "./work.js";

/** Claims that are shown of each repository. A search finds the others. */
const PAGE = 200;
const search = /** @type {HTMLInputElement} */ (byId("claims-search"));

export function startClaims() {
  define("claims", render);
  define("count-claims", () => {
    const { length } = store.claims.conflicts;
    setText(byId("count-claims"), length ? count(length, "conflict") : "");
    byId("count-claims").className = length ? "count tag bad" : "count";
  });
  search.addEventListener("input", () => ask("claims"));
}

function* render() {
  if (!isShown("claims")) return;
  const { claims, conflicts, repositories } = store.claims;
  const wanted = search.value.trim().toLowerCase();
  const fits = (...texts) => !wanted || texts.some((text) => text?.toLowerCase().includes(wanted));
  const inTheWay = conflicts.filter((conflict) => fits(conflict.path, conflict.other ?? "", conflict.repository, ...conflict.holders)).slice(0, PAGE);
  byId("conflicts").replaceChildren(...inTheWay.map(conflictBox));
  yield;
  const byRepository = new Map(repositories.map((name) => [name, []]));
  for (const claim of claims) {
    if (!fits(claim.path, claim.alias, claim.note, claim.repository)) continue;
    if (!byRepository.has(claim.repository)) byRepository.set(claim.repository, []);
    byRepository.get(claim.repository).push(claim);
  }
  const shown = [...byRepository].filter(([, list]) => list.length > 0).map(([name, list]) => ({ name, list }));
  byId("claims-empty").hidden = shown.length > 0;
  if (wanted) emptyState(byId("claims-empty"), "No claim matches", "Try a shorter search.");
  else if (repositories.length === 0) emptyState(byId("claims-empty"), "No repository is known", "Start an agent in a repository to see its claims.");
  else emptyState(byId("claims-empty"), "Nothing is claimed", "Sessions claim what they are about to change with the tool `claim`. In a terminal, `junction-bridge claims` shows the same.");
  yield* keep(byId("claims"), shown, { key: (repository) => repository.name, make: newRepository, update: (box, { name, list }) => updateRepository(box, name, list) });
  for (const { name, list } of shown) {
    const box = [...byId("claims").children].find((child) => child.dataset.key === name);
    if (box) yield* keep(box.querySelector("tbody"), list.slice(0, PAGE), { key: keyOf, make: newClaim, update: updateClaim });
  }
}

function conflictBox({ path, other, holders, repository, yields }) {
  const [one, two] = holders.map((alias) => h("a", { href: threadLink(alias) }, bdi(alias)));
  const claims = other === undefined ? [one, " and ", two, " both claim ", h("code", {}, parts(path))] : [one, " claims ", h("code", {}, parts(path)), ", and ", two, " claims ", h("code", {}, parts(other))];
  return h("p", { class: "conflict" }, h("strong", {}, "Conflict: "), ...claims, " in ", parts(repository), ". ", ...whoYields(yields, holders));
}

/** The session that claimed later yields, and its agent was told so. */
function whoYields(yields, holders) {
  if (yields === undefined) return ["They were claimed at about the same time. Each agent has learned from its tool ", h("code", {}, "claim"), " which of the two yields."];
  const first = holders.find((alias) => alias !== yields);
  return [bdi(first), " claimed first, so ", h("strong", {}, bdi(yields), " yields"), ": it should ask ", bdi(first), " or work on something else."];
}

function newRepository(repository) {
  const heading = (text, className) => h("th", { role: "columnheader", scope: "col", class: className }, text);
  return h("section", { class: "repo" }, h("h2", {}, parts(repository.name), " ", h("span", { class: "muted" })),
    h("table", { class: "cards claims", role: "table" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heading("Path"), heading("Session"), heading("Note"), heading("Since", "num"), heading("Ends in", "num"))),
      h("tbody", { role: "rowgroup" })));
}

function updateRepository(box, name, list) {
  setText(box.querySelector("h2 .muted"), list.length > PAGE ? `the first ${PAGE} of ${list.length}` : count(list.length, "claim"));
  box.querySelector("table").setAttribute("aria-label", `Claims in ${name}`);
}

function keyOf(claim) {
  return `${claim.alias}\n${claim.path}`;
}

function newClaim(claim) {
  const cell = (attributes, ...children) => h("td", { role: "cell", ...attributes }, ...children);
  return h("tr", { role: "row" },
    cell({}, h("code", {}, parts(claim.path))),
    cell({}, h("a", { href: threadLink(claim.alias) }, bdi(claim.alias)), store.own.has(claim.alias) ? h("span", {}, " ", h("span", { class: "tag accent" }, "yours")) : ""),
    cell({}), cell({ class: "num muted", "data-name": "since" }), cell({ class: "num", "data-name": "ends in" }));
}

function updateClaim(row, claim) {
  const shown = JSON.stringify([claim.note, claim.since, claim.expires]);
  if (row.dataset.shown === shown) return;
  row.dataset.shown = shown;
  row.children[2].replaceChildren(claim.note ? bdi(claim.note) : "");
  row.children[3].replaceChildren(timeAgo(claim.since));
  row.children[4].replaceChildren(timeUntil(claim.expires));
}
