// Where the graph's nodes are: groups side by side in a spiral, sessions of a group in a sunflower. The same sessions always
// get the same places. No DOM here.

/** Sessions that are drawn as nodes of their own. Beyond, a group is one node. */
export const MOST_NODES = 300;
/** Groups that are drawn. The smallest beyond share one node. */
const MOST_GROUPS = 80;
/** How far the sessions of a group are apart. */
const SPACING = 1.25;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/**
 * @typedef {{key: string, label: string, group: number, x: number, y: number, r: number, count: number}} Node
 * @typedef {{label: string, x: number, y: number, r: number, count: number}} Group
 */

/**
 * @param {Iterable<{id: string, alias: string, since: number}>} sessions
 * @param {"machine" | "repo"} by
 * @returns {{nodes: Node[], groups: Group[], ofAlias: Map<string, number>, single: boolean}} in a unit that `fit` turns into pixels
 */
export function layOut(sessions, by, aspect = 1.6) {
  const members = new Map();
  let total = 0;
  for (const session of sessions) {
    const label = session[by] || (by === "repo" ? "no repository" : "machine unknown");
    if (!members.has(label)) members.set(label, []);
    members.get(label).push(session);
    total++;
  }
  const single = total <= MOST_NODES;
  let sorted = [...members].sort(([a, left], [b, right]) => right.length - left.length || (a < b ? -1 : 1));
  if (sorted.length > MOST_GROUPS) {
    const rest = sorted.slice(MOST_GROUPS - 1);
    sorted = [...sorted.slice(0, MOST_GROUPS - 1), [`${rest.length} more`, rest.flatMap(([, list]) => list)]];
  }
  const groups = sorted.map(([label, list]) => ({ label, x: 0, y: 0, r: single ? SPACING * Math.sqrt(list.length) + 0.9 : 1 + Math.sqrt(list.length) * 0.22, count: list.length }));
  placeInSpiral(groups, aspect);
  const nodes = [];
  const ofAlias = new Map();
  sorted.forEach(([label, list], group) => {
    const { x, y, r } = groups[group];
    if (!single) nodes.push({ key: label, label, group, x, y, r: r * 0.8, count: list.length });
    else list.sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
    list.forEach((session, at) => {
      ofAlias.set(session.alias, single ? nodes.length : nodes.length - 1);
      if (!single) return;
      const away = list.length === 1 ? 0 : SPACING * Math.sqrt(at + 0.5);
      nodes.push({ key: session.id, label: session.alias, group, x: x + away * Math.cos(at * GOLDEN), y: y + away * Math.sin(at * GOLDEN), r: 0.42, count: 1 });
    });
  });
  return { nodes, groups, ofAlias, single };
}

/** Puts each circle at the first free place of a spiral that is as wide as the picture. */
function placeInSpiral(circles, aspect) {
  const placed = [];
  let from = 0;
  for (const circle of circles) {
    for (let step = placed.length ? from : 0; ; step++) {
      const angle = Math.sqrt(step) * 2.2;
      const away = Math.sqrt(step) * 0.42;
      circle.x = away * Math.cos(angle) * aspect;
      circle.y = away * Math.sin(angle);
      if (isFree(circle, placed) || step > 20000) {
        // What comes later is smaller and may fit further in, but looking there each time would be quadratic.
        from = Math.max(0, step - 100);
        break;
      }
    }
    placed.push(circle);
  }
}

function isFree(circle, placed) {
  for (const other of placed) {
    const x = other.x - circle.x;
    const y = other.y - circle.y;
    const apart = other.r + circle.r + 0.9;
    if (x * x + y * y <= apart * apart) return false;
  }
  return true;
}

/** How to turn places into pixels, so that all groups fit into the picture with room for their labels. */
export function fit(groups, width, height, margin = 26) {
  if (groups.length === 0) return { scale: 1, dx: width / 2, dy: height / 2 };
  const left = Math.min(...groups.map((group) => group.x - group.r));
  const right = Math.max(...groups.map((group) => group.x + group.r));
  const top = Math.min(...groups.map((group) => group.y - group.r));
  const bottom = Math.max(...groups.map((group) => group.y + group.r));
  const scale = Math.min((width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top), 34);
  return { scale, dx: width / 2 - ((left + right) / 2) * scale, dy: height / 2 - ((top + bottom) / 2) * scale };
}
