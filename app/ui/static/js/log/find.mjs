// Looking for a text in the whole log, on the server: the next line that has it, round the end and on from the other.

/** @param {string} base address of the log */
export class Finder {
  #base; #asked = 0;

  constructor(base) {
    this.#base = base;
  }

  /**
   * The place of the next line with the text after (or before) `from`; null when no line has it, undefined when another
   * search was begun meanwhile.
   */
  async next(text, matchCase, from, backwards, total) {
    const asked = ++this.#asked;
    const start = backwards ? from - 1 : from + 1;
    const found = start >= 1 && start <= total ? await this.#look(text, matchCase, start, backwards, asked) : null;
    if (found !== null || asked !== this.#asked) return asked === this.#asked ? found : undefined;
    const round = await this.#look(text, matchCase, backwards ? total : 1, backwards, asked);
    return asked === this.#asked ? round : undefined;
  }

  async #look(text, matchCase, start, backwards, asked) {
    for (let first = start; first !== null && asked === this.#asked; ) {
      const query = new URLSearchParams({ q: text, first: String(first) });
      if (matchCase) query.set("case", "1");
      if (backwards) query.set("back", "1");
      const answer = await fetch(`${this.#base}/find?${query}`);
      if (!answer.ok) throw new Error(`the search was answered with ${answer.status}`);
      const { place, next } = await answer.json();
      if (place !== null) return place;
      first = next;
    }
    return null;
  }
}
