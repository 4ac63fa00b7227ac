// Looking for a text in the whole log, on the server: the next line that has it, round the end and on from the other.

export class Finder {
  #base; #wanted = 0; #turn = Promise.resolve();

  /** @param {string} base address of the log */
  constructor(base) {
    this.#base = base;
  }

  /** What is still being looked for is not wanted any more. */
  forget() {
    this.#wanted++;
  }

  /**
   * One search after the other, as keys are pressed. `ask` is called when its turn has come and tells what to look for;
   * `found` is called with the place of the line, or with null when no line has it.
   * @param {() => { text: string, matchCase: boolean, from: number, backwards: boolean, total: number }} ask
   * @param {(place: number | null) => unknown} found
   */
  next(ask, found) {
    const wanted = this.#wanted;
    this.#turn = this.#turn.then(async () => {
      if (wanted !== this.#wanted) return;
      const place = await this.#round(ask(), wanted);
      if (wanted === this.#wanted) await found(place);
    }).catch((error) => console.warn(error));
    return this.#turn;
  }

  async #round({ from, total, ...what }, wanted) {
    const start = what.backwards ? from - 1 : from + 1;
    const found = start >= 1 && start <= total ? await this.#look(what, start, wanted) : null;
    return found ?? this.#look(what, what.backwards ? total : 1, wanted);
  }

  async #look({ text, matchCase, backwards }, start, wanted) {
    for (let first = start; first !== null && wanted === this.#wanted; ) {
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
