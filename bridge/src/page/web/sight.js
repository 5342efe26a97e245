// What has come into sight of letters that wait unread, or left it, until the server is told.

/** What is not told yet. Of each letter it holds the last that was noted: the server does not know what came first. */
export class SightNews {
  constructor() {
    this.words = new Map();
  }

  /**
   * Notes of a letter that its place is in sight, that its text is, or that the place has left.
   * @param {"wanted" | "shown" | "missed"} word
   * @param {string} id
   * @returns {boolean} whether there was nothing to tell before
   */
  note(word, id) {
    const isFirst = this.words.size === 0;
    this.words.set(id, word);
    return isFirst;
  }

  /** Takes all that is to be told. */
  take() {
    const told = { wanted: [], shown: [], missed: [] };
    for (const [id, word] of this.words) told[word].push(id);
    this.words.clear();
    return told;
  }
}
