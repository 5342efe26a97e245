// The pulses that run along the graph's edges, how hot each edge is, and which edges had a message of late. All are bounded:
// with more messages than pulses, only the edges get hotter, and of more edges the one that was used longest ago goes. No DOM
// here.

export const MOST_PULSES = 200;
const MOST_EDGES = 400;
/** Milliseconds that a pulse takes, and in which an edge cools to a third. */
const TRAVEL = 900;
const COOLING = 4000;
/** An edge that is cooler moves no more: only a faint line is left, for as many milliseconds behind its last message. */
const COLD = 0.04;
export const RECENT = 60_000;
const HOTTEST = 12;

export class Pulses {
  constructor() {
    /** @type {{from: number, to: number, kind: "send" | "back" | "lost", start: number}[]} A pool: the first `count` run. */
    this.pool = [];
    this.count = 0;
    /** @type {Map<number, {from: number, to: number, heat: number, lost: number, last: number}>} Those used last are last. */
    this.edges = new Map();
    /** Messages that had no pulse, since the graph was last empty. */
    this.more = 0;
    this.cooled = 0;
  }

  /** A message, or its receipt, goes from one node to another. */
  start(from, to, kind, now, motion) {
    const [a, b] = kind === "back" ? [to, from] : [from, to];
    const edge = this.trace(a, b, now);
    edge.heat = Math.min(HOTTEST, edge.heat + (kind === "send" ? 1 : 0.4));
    if (kind === "lost") edge.lost = 1;
    if (!motion) return;
    if (this.count === MOST_PULSES) {
      this.more++;
      return;
    }
    const pulse = (this.pool[this.count] ??= { from: 0, to: 0, kind: "send", start: 0 });
    Object.assign(pulse, { from, to, kind, start: now });
    this.count++;
  }

  /** Notes that a message went from one node to another then. */
  trace(from, to, then) {
    const key = from * 65536 + to;
    const edge = this.edges.get(key) ?? { from, to, heat: 0, lost: 0, last: then };
    edge.last = Math.max(edge.last, then);
    this.edges.delete(key);
    this.edges.set(key, edge);
    if (this.edges.size > MOST_EDGES) this.edges.delete(this.edges.keys().next().value);
    return edge;
  }

  /** How much of its time as a faint line an edge has left, from 1 to 0. */
  static freshness(edge, now) {
    return Math.max(0, 1 - (now - edge.last) / RECENT);
  }

  /** Ends pulses that have arrived, and cools the edges. True while anything moves; faint lines fade without. */
  step(now) {
    for (let at = 0; at < this.count; ) {
      const pulse = this.pool[at];
      if (now - pulse.start < TRAVEL) {
        at++;
        continue;
      }
      this.count--;
      this.pool[at] = this.pool[this.count];
      this.pool[this.count] = pulse;
    }
    const cooler = Math.exp(-Math.max(0, now - this.cooled) / COOLING);
    this.cooled = now;
    let isHot = false;
    for (const [key, edge] of this.edges) {
      edge.heat *= cooler;
      edge.lost *= cooler;
      if (edge.heat >= COLD) isHot = true;
      else if (now - edge.last >= RECENT) this.edges.delete(key);
    }
    if (this.count === 0 && !isHot) this.more = 0;
    return this.count > 0 || isHot;
  }

  /** How far a pulse is, from 0 to 1: fast at first, and gently in. */
  static progress(pulse, now) {
    const share = Math.min(1, Math.max(0, (now - pulse.start) / TRAVEL));
    return 1 - (1 - share) ** 2;
  }

  /** Forgets everything, because the nodes have other numbers now. */
  clear() {
    this.count = 0;
    this.edges.clear();
    this.more = 0;
  }
}
