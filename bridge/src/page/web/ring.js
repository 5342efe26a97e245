// The newest items by id, bounded: an item that comes again takes the place that it has. No DOM here.

export class Ring {
  /** @param {number} limit */
  constructor(limit) {
    this.limit = limit;
    /** @type {Map<string, any>} */
    this.items = new Map();
  }

  /** Adds an item, or changes the one with its id. True if it is new. */
  put(item) {
    const known = this.items.get(item.id);
    if (known) {
      this.items.set(item.id, { ...known, ...item, at: known.at });
      return false;
    }
    this.items.set(item.id, item);
    if (this.items.size > this.limit) this.items.delete(this.items.keys().next().value);
    return true;
  }

  /** Up to `count` of the items that `fits`, newest first. */
  newest(count, fits = () => true) {
    const all = [...this.items.values()];
    const found = [];
    for (let i = all.length - 1; i >= 0 && found.length < count; i--) if (fits(all[i])) found.push(all[i]);
    return found;
  }
}
