// The small map in the corner of a large graph: where one is, and where it burns. A click or a drag goes there.
import { HIGH, WIDE, make } from "./paint.mjs";

export class Overview {
  constructor(home, view) {
    this.view = view;
    this.svg = make("svg", { class: "map", preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" });
    this.window = make("rect", { class: "view" });
    this.places = null;
    home.append(this.svg);
    const go = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
      view.show(at.x, at.y);
    };
    this.svg.addEventListener("pointerdown", go);
    this.svg.addEventListener("pointermove", go);
  }

  /** @param {{ x: Float64Array, y: Float64Array, width: number, height: number } | null} places */
  draw(places) {
    this.places = places;
    this.svg.toggleAttribute("hidden", !places);
    if (!places) return;
    this.svg.setAttribute("viewBox", `0 ${-HIGH / 2} ${places.width + WIDE} ${places.height + HIGH}`);
  }

  /** One path a tone, whatever the number of nodes. @param {(at: number) => string} toneOf */
  paint(toneOf) {
    if (!this.places) return;
    const paths = new Map();
    this.places.x.forEach((x, at) => {
      const tone = toneOf(at);
      const box = `M${x} ${this.places.y[at] - HIGH / 2}h${WIDE}v${HIGH}h${-WIDE}z`;
      paths.set(tone, (paths.get(tone) ?? "") + box);
    });
    this.svg.replaceChildren(...[...paths].map(([tone, d]) => make("path", { class: `f-${tone}`, d })), this.window);
    this.frame();
  }

  frame() {
    if (!this.places) return;
    const { scale, x, y, size } = this.view;
    const box = { x: -x / scale, y: -y / scale, width: size.width / scale, height: size.height / scale };
    for (const [name, value] of Object.entries(box)) this.window.setAttribute(name, value);
  }
}
