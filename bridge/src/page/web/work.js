// Does the page's work in slices: views ask to be rendered, at most once a frame, and a rendering that takes long goes on in the
// next frame. A rendering is a generator that yields wherever it may be interrupted, and says how many rows it has put on the page
// since it last did.

/** Milliseconds of a frame that renderings may use. Layout and paint come on top. */
const BUDGET = 4;
/** Rows that renderings may put on the page in a frame: the browser lays them out afterwards, which takes longer than making them. */
const MOST_ROWS = 10;

/** @typedef {Generator<number | undefined, void>} Rendering */
/** @type {Map<string, () => Rendering | void>} */
const renderings = new Map();
/** Asked for, not begun. */
const asked = new Set();
/** @type {Map<string, Rendering>} Begun, not ended. */
const running = new Map();
/** @type {Map<string, number>} Timers of those that were asked for with a delay. */
const later = new Map();
let frame = 0;

/** Says how to render `name`. */
export function define(name, rendering) {
  renderings.set(name, rendering);
}

/** Asks for a rendering: in the next frame, or once in `delay` milliseconds however often it is asked for. */
export function ask(name, delay = 0) {
  if (delay > 0) {
    if (!later.has(name) && !asked.has(name)) later.set(name, setTimeout(ask, delay, name));
    return;
  }
  clearTimeout(later.get(name));
  later.delete(name);
  asked.add(name);
  frame ||= requestAnimationFrame(work);
}

function work() {
  frame = 0;
  const end = performance.now() + BUDGET;
  let rows = 0;
  do {
    const name = running.keys().next().value ?? begin();
    if (name === undefined) return;
    const step = running.get(name)?.next();
    if (step?.done) running.delete(name);
    else rows += step?.value ?? 0;
  } while (performance.now() < end && rows < MOST_ROWS);
  if (running.size > 0 || asked.size > 0) frame ||= requestAnimationFrame(work);
}

/** Waits until nothing is left to render. */
export async function settled() {
  while (frame || later.size > 0 || asked.size > 0 || running.size > 0) await new Promise(requestAnimationFrame);
}

/** Begins what was asked for first. */
function begin() {
  const name = asked.values().next().value;
  if (name === undefined) return undefined;
  asked.delete(name);
  const generator = renderings.get(name)?.();
  if (generator) running.set(name, generator);
  return name;
}
