// A log of any length in a window that scrolls: blocks of BLOCK lines, of which only those near the window are filled.
// An empty block has the height it had, or would have, so that the scroll bar tells the truth and nothing jumps.
import { row } from "./lines.mjs";

export const BLOCK = 250;
/** Lines in one scroll: more would be higher than browsers can lay out. */
export const SEGMENT = 400_000;
const NEAR = "600px 0px";

export class Blocks {
  #viewer; #fetch; #look; #observer; #lineHeight;
  #blocks = [];
  #first = 1;

  /**
   * @param {HTMLElement} viewer what scrolls
   * @param {(first: number, last: number) => Promise<any[]>} fetch lines by their places
   * @param {import("./lines.mjs").Look} look
   */
  constructor(viewer, fetch, look) {
    [this.#viewer, this.#fetch, this.#look] = [viewer, fetch, look];
    this.#observer = new IntersectionObserver((seen) => this.#see(seen), { root: viewer, rootMargin: NEAR });
  }

  get first() { return this.#first; }
  get last() { return this.#blocks.at(-1)?.last ?? 0; }

  /** Show the segment that begins at `first`, of a log of `total` lines. */
  open(first, total) {
    this.#observer.disconnect();
    for (const block of this.#blocks) block.element.remove();
    [this.#blocks, this.#first] = [[], first];
    this.#lineHeight = this.#measure();
    this.grow(total);
  }

  /** The log has `total` lines now. */
  grow(total) {
    const end = Math.min(total, this.#first + SEGMENT - 1);
    const newest = this.#blocks.at(-1);
    if (newest && newest.last < end && newest.last < newest.first + BLOCK - 1) {
      newest.last = Math.min(end, newest.first + BLOCK - 1);
      newest.height = 0;
      this.#size(newest);
    }
    for (let first = this.last ? this.last + 1 : this.#first; first <= end; first += BLOCK) {
      const element = document.createElement("ol");
      const block = { element, first, last: Math.min(end, first + BLOCK - 1), lines: [], shown: 0, height: 0, near: false, busy: null };
      element.block = block;
      this.#blocks.push(block);
      this.#size(block);
      this.#viewer.append(element);
      this.#observer.observe(element);
    }
  }

  /** Lines that came with the news, so that they need not be asked for again. What is near is filled. */
  take(lines) {
    for (const line of lines) {
      const block = this.#at(line[0]);
      if (block) this.#add(block, [line]);
    }
    for (const block of this.#blocks) if (block.near) this.#fill(block);
  }

  /** Only what continues it: the same lines may come twice, with the news and as they were asked for. */
  #add(block, lines) {
    for (const line of lines) if (line[0] === block.first + block.lines.length && line[0] <= block.last) block.lines.push(line);
  }

  /** Scrolls to a line, that far down the window, and resolves with its element when it is there. */
  async show(place, share = 1 / 3) {
    const block = this.#at(place);
    if (!block) return null;
    const before = place - block.first - this.#look.groups.hiddenIn(block.first, place - 1);
    const ahead = block.element.offsetTop + before * this.#lineHeight;
    this.#viewer.scrollTop = ahead - this.#viewer.clientHeight * share;
    block.near = true;
    await this.#fill(block);
    const item = block.element.querySelector(`[data-place="${place}"]`);
    if (item) {
      const [line, frame] = [item.getBoundingClientRect(), this.#viewer.getBoundingClientRect()];
      this.#viewer.scrollTop += line.top - frame.top - frame.height * share;
    }
    return item;
  }

  /** The place of the line that is seen first. */
  anchor() {
    return Number(this.#firstSeen()?.dataset.place) || null;
  }

  /**
   * Everything that is shown is written anew: the look has changed. Heights are forgotten when `heights` is set; then the
   * line `kept`, by default the one seen first, stays where it is.
   */
  redraw(heights = false, kept = this.anchor()) {
    if (heights) this.#lineHeight = this.#measure();
    const share = this.#shareOf(kept);
    for (const block of this.#blocks) {
      if (heights) block.height = 0;
      block.shown = 0;
      block.element.replaceChildren();
      this.#size(block);
      if (block.near) this.#draw(block);
    }
    if (!heights || !kept) return null;
    const shown = this.#look.groups.shownFor(kept);
    return this.show(shown, shown === kept ? share : 0);
  }

  /** How far down the window the line is. */
  #shareOf(place) {
    const item = place && this.#viewer.querySelector(`[data-place="${place}"]`);
    const frame = this.#viewer.getBoundingClientRect();
    return item && frame.height ? (item.getBoundingClientRect().top - frame.top) / frame.height : 0;
  }

  #at(place) {
    return this.#blocks[Math.floor((place - this.#first) / BLOCK)];
  }

  #see(seen) {
    for (const { target, isIntersecting } of seen) {
      target.block.near = isIntersecting;
      if (isIntersecting) this.#fill(target.block);
      else this.#empty(target.block);
    }
  }

  /** Fetches what is missing and shows it. One request at a time for each block. */
  #fill(block) {
    block.busy ??= this.#load(block).finally(() => (block.busy = null));
    return block.busy;
  }

  async #load(block) {
    while (block.lines.length < block.last - block.first + 1) {
      const lines = await this.#fetch(block.first + block.lines.length, block.last);
      if (!lines.length) break;
      this.#add(block, lines);
    }
    if (block.near) this.#draw(block);
  }

  #draw(block) {
    this.#keepingPlace(() => {
      const fresh = document.createDocumentFragment();
      for (const line of block.lines.slice(block.shown)) {
        if (!this.#look.groups.hides(line[0])) fresh.append(row(line, this.#look));
      }
      block.element.append(fresh);
      block.shown = block.lines.length;
      const whole = block.shown >= block.last - block.first + 1;
      block.element.style.height = whole ? "" : `${Math.max(this.#guess(block), block.element.scrollHeight)}px`;
      if (whole) block.height = block.element.offsetHeight;
    });
  }

  #empty(block) {
    if (!block.shown) return;
    block.shown = 0;
    this.#size(block);
    block.element.replaceChildren();
  }

  #size(block) {
    block.element.hidden = !this.#visible(block);
    block.element.style.height = `${block.height || this.#guess(block)}px`;
  }

  #guess(block) {
    return this.#visible(block) * this.#lineHeight;
  }

  /** How many of its lines are not folded away. */
  #visible({ first, last }) {
    return last - first + 1 - this.#look.groups.hiddenIn(first, last);
  }

  /** What is above may grow or shrink: the line that is seen first stays where it is. */
  #keepingPlace(change) {
    const seen = this.#firstSeen();
    const before = seen?.getBoundingClientRect().top;
    change();
    if (seen) this.#viewer.scrollTop += seen.getBoundingClientRect().top - before;
  }

  /** @returns {Element | undefined} */
  #firstSeen() {
    const frame = this.#viewer.getBoundingClientRect();
    for (const { element, shown } of this.#blocks) {
      if (!shown || element.getBoundingClientRect().bottom <= frame.top) continue;
      const found = [...element.children].find((one) => one.getBoundingClientRect().bottom > frame.top);
      return found && found.getBoundingClientRect().top < frame.bottom ? found : undefined;
    }
  }

  #measure() {
    const probe = document.createElement("ol");
    probe.append(row([1, 0, "stdout", "info", ["x"]], this.#look));
    this.#viewer.append(probe);
    const height = probe.offsetHeight;
    probe.remove();
    return height || 18;
  }
}
