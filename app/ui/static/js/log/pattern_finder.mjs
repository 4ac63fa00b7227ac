// Looking for a regular expression in the whole log, as `Finder` does for a text: in a thread of its own, which is ended
// when it is not wanted any more or takes too long over a stretch of lines.
const PATIENCE_MS = 3000;

export class PatternFinder {
  #base; #wanted = 0; #turn = Promise.resolve(); #stop = null;

  /** @param {string} base address of the log */
  constructor(base) {
    this.#base = new URL(base, location.href).href;
  }

  forget() {
    this.#wanted++;
    this.#stop?.();
  }

  /**
   * As `Finder.next`. `ask` tells `source` and `flags` as well; `found` is called with the place and the ranges of the
   * line's text that fit. What goes wrong is told to `failed`.
   */
  next(ask, found, failed) {
    const wanted = this.#wanted;
    this.#turn = this.#turn.then(async () => {
      if (wanted !== this.#wanted) return;
      const { from, total, ...what } = ask();
      const start = what.backwards ? from - 1 : from + 1;
      let hit = await this.#look({ ...what, total, from: start });
      if (hit && hit.place === null) hit = await this.#look({ ...what, total, from: what.backwards ? total : 1 });
      if (hit && wanted === this.#wanted) await found(hit.place, hit.ranges ?? []);
    }).catch((error) => wanted === this.#wanted && failed(error.message));
    return this.#turn;
  }

  /** Null when it was stopped. */
  #look(what) {
    return new Promise((resolve, reject) => {
      const thread = new Worker(new URL("./pattern.mjs", import.meta.url), { type: "module" });
      let timer = 0;
      const end = (act) => {
        clearTimeout(timer);
        thread.terminate();
        this.#stop = null;
        act();
      };
      this.#stop = () => end(() => resolve(null));
      thread.onerror = () => end(() => reject(new Error("the search could not be started")));
      thread.onmessage = ({ data }) => {
        clearTimeout(timer);
        if (data.looking) {
          const message = `the pattern takes too long near line ${data.looking.toLocaleString()}: make it simpler`;
          timer = setTimeout(() => end(() => reject(new Error(message))), PATIENCE_MS);
        } else if (data.error) end(() => reject(new Error(data.error)));
        else if (!data.looked) end(() => resolve(data));
      };
      thread.postMessage({ base: this.#base, ...what });
    });
  }
}
