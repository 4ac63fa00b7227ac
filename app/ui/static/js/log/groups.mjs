// Groups of a log's lines, which can be folded. They come as marks, in any order and more than once:
// [place, name, key] begins one, [place, null, key] ends the last open one (with that key, where it has one).

export class Groups {
  #marks = new Map();
  #spans = [];
  #hidden = [];
  #folded = new Set();
  #all = false;
  #fresh = false;

  /** @param {[number, string | null, string][]} marks */
  add(marks) {
    const before = this.#marks.size;
    for (const [place, name, key] of marks) this.#marks.set(place, { place, name, key });
    if (this.#marks.size === before) return;
    this.#fresh = true;
    this.#pair();
  }

  /** Whether any came since this was last asked. */
  takeFresh() {
    const was = this.#fresh;
    this.#fresh = false;
    return was;
  }

  get size() { return this.#spans.length; }
  get allFolded() { return this.#all; }
  /** The first lines of what is folded, for the address; "all" for all of them. */
  get folded() { return this.#all ? "all" : [...this.#folded].sort((one, other) => one - other).join(","); }

  set folded(text) {
    this.#all = text === "all";
    this.#folded = new Set(this.#all ? [] : text.split(",").map(Number).filter((place) => place > 0));
    this.#hide();
  }

  /** The group whose first line this is. */
  at(place) { return this.#spans.find((span) => span.first === place); }
  /** Within how many groups the line is. */
  depth(place) { return this.#spans.reduce((depth, { first, last }) => depth + (place > first && place <= last), 0); }
  isFolded(span) { return this.#all || this.#folded.has(span.first); }

  toggle(place) {
    const was = this.#all || this.#folded.has(place);
    if (this.#all) [this.#all, this.#folded] = [false, new Set(this.#spans.map(({ first }) => first))];
    if (was) this.#folded.delete(place);
    else this.#folded.add(place);
    this.#hide();
  }

  /** Unfolds whatever hides the line; whether anything did. */
  reveal(place) {
    const over = this.#spans.filter((span) => this.isFolded(span) && place > span.first && place <= span.last);
    for (const span of over) this.toggle(span.first);
    return over.length > 0;
  }

  /** The line itself, or the first one of the group that it is folded away in. */
  shownFor(place) {
    const over = this.#hidden.find(([from, to]) => place >= from && place <= to);
    return over ? over[0] - 1 : place;
  }

  hides(place) { return this.hiddenIn(place, place) > 0; }

  /** How many of these lines are not to be seen. */
  hiddenIn(first, last) {
    let count = 0;
    for (const [from, to] of this.#hidden) {
      if (from > last) break;
      count += Math.max(0, Math.min(to, last) - Math.max(from, first) + 1);
    }
    return count;
  }

  #pair() {
    const open = [];
    this.#spans = [];
    for (const { place, name, key } of [...this.#marks.values()].sort((one, other) => one.place - other.place)) {
      if (name !== null) {
        const span = { first: place, last: Infinity, name, key };
        this.#spans.push(span);
        open.push(span);
      } else {
        const at = key ? open.findLastIndex((span) => span.key === key) : open.length - 1;
        if (at >= 0) for (const span of open.splice(at)) span.last = place;
      }
    }
    this.#hide();
  }

  /** Stretches without overlap, in order: the outermost of what is folded. */
  #hide() {
    this.#hidden = [];
    let end = 0;
    for (const span of this.#spans) {
      if (!this.isFolded(span) || span.first < end) continue;
      this.#hidden.push([span.first + 1, span.last]);
      end = span.last;
    }
  }
}
