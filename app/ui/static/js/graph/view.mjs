// Moves and scales a drawing: drag, wheel, two fingers, buttons. Says when it has moved; knows nothing of what is drawn.
const CLOSEST = 2.5;
const MARGIN = 28;
const STEP = 1.3;
const DRAG_PX = 4;

export class View {
  /** @param {SVGSVGElement} svg @param {SVGGElement} world @param {(view: View) => void} moved */
  constructor(svg, world, moved) {
    Object.assign(this, { svg, world, moved, scale: 1, x: 0, y: 0, bounds: { x: 0, y: 0, width: 1, height: 1 }, touched: false });
    this.pointers = new Map();
    this.travel = 0;
    svg.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.#down(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
  }

  /** Whether the pointer has moved so far since it was pressed that this is no click. */
  get dragged() {
    return this.travel > DRAG_PX;
  }

  get size() {
    const { width, height } = this.svg.getBoundingClientRect();
    return { width: width || 1, height: height || 1 };
  }

  fit() {
    const { width, height } = this.size;
    const { bounds } = this;
    this.scale = Math.min(1, (width - 2 * MARGIN) / bounds.width, (height - 2 * MARGIN - 30) / bounds.height);
    this.x = (width - bounds.width * this.scale) / 2 - bounds.x * this.scale;
    this.y = (height + 30 - bounds.height * this.scale) / 2 - bounds.y * this.scale;
    this.touched = false;
    this.#apply();
  }

  zoom(closer, at = { x: this.size.width / 2, y: this.size.height / 2 }) {
    const { width, height } = this.size;
    const least = Math.min(0.5, width / this.bounds.width / 2, height / this.bounds.height / 2);
    const scale = Math.min(CLOSEST, Math.max(least, this.scale * closer));
    this.x = at.x - ((at.x - this.x) * scale) / this.scale;
    this.y = at.y - ((at.y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.touched = true;
    this.#apply();
  }

  closer = () => this.zoom(STEP);
  wider = () => this.zoom(1 / STEP);

  /** Brings a place of the world to the middle, close enough to read. */
  show(x, y) {
    const { width, height } = this.size;
    this.scale = Math.max(this.scale, 0.8);
    this.x = width / 2 - x * this.scale;
    this.y = height / 2 - y * this.scale;
    this.touched = true;
    this.#apply();
  }

  /** Whether this place of the world is on the screen. */
  sees(x, y) {
    const { width, height } = this.size;
    const [left, top] = [x * this.scale + this.x, y * this.scale + this.y];
    return left > 0 && top > 0 && left < width && top < height;
  }

  #apply() {
    this.world.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.scale})`);
    this.moved(this);
  }

  #at(event) {
    const box = this.svg.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), this.#at(event));
  }

  #down(event) {
    if (event.button) return;
    this.travel = 0;
    this.pointers.set(event.pointerId, this.#at(event));
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    this.pointers.set(event.pointerId, now);
    this.travel += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (this.dragged && !this.svg.hasPointerCapture(event.pointerId)) this.svg.setPointerCapture(event.pointerId);
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (others.length) {
      const [other] = others;
      this.zoom(Math.hypot(now.x - other.x, now.y - other.y) / (Math.hypot(before.x - other.x, before.y - other.y) || 1), other);
    } else if (this.dragged) {
      this.x += now.x - before.x;
      this.y += now.y - before.y;
      this.touched = true;
      this.#apply();
    }
  }
}
