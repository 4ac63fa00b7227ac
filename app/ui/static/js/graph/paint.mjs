// Draws nodes and edges as SVG, and repaints a node when its state has changed: nothing moves for that.
export const WIDE = 176;
export const HIGH = 36;
export const GAPS = { layerGap: WIDE + 64, rowGap: HIGH + 14, bendGap: 14 };
const LETTERS = 21;
const SVG = "http://www.w3.org/2000/svg";
const ORDER = ["succeeded", "failed", "canceled", "skipped", "running", "queued", "ready", "waiting"];

export function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** @param {{ x: number, y: number, at: number }} place */
export function drawNode({ x, y, at }) {
  const node = make("g", { class: "node", transform: `translate(${x} ${y - HIGH / 2})`, "data-at": at, tabindex: -1, role: "button" });
  node.append(
    make("rect", { class: "box", width: WIDE, height: HIGH, rx: 5 }),
    make("rect", { class: "side", width: 5, height: HIGH, rx: 2.5 }),
    make("use", { class: "icon", x: 12, y: 10, width: 16, height: 16 }),
    make("text", { class: "name", x: 34, y: 22 }),
    make("title"),
  );
  return node;
}

/**
 * @param {SVGGElement} node
 * @param {{ name: string, tone: string, word: string, counts: Record<string, number> | null, total: number, tones: Record<string, string> }} now
 */
export function paintNode(node, { name, tone, word, counts, total, tones }) {
  const [, side, icon, text, title] = node.children;
  for (const old of [...node.classList]) if (old.startsWith("t-")) node.classList.remove(old);
  node.classList.add(`t-${tone}`);
  side.setAttribute("class", `side f-${tone}`);
  icon.setAttribute("href", `#i-${tone}`);
  icon.setAttribute("class", `icon t-${tone}`);
  const shown = counts ? `${name} × ${total}` : name;
  text.textContent = shown.length > LETTERS ? `${shown.slice(0, LETTERS - 1)}…` : shown;
  const words = counts ? inWords(counts) : word;
  title.textContent = `${shown}: ${words}`;
  node.setAttribute("aria-label", `${shown}: ${words}`);
  node.querySelector(".more")?.remove();
  node.querySelector(".share")?.remove();
  if (!counts) return text.setAttribute("y", 22);
  text.setAttribute("y", 15);
  text.append(" "); // so that the two lines are two words to who hears them
  const more = make("text", { class: "more", x: 34, y: 26.5 });
  more.textContent = words.length > LETTERS + 3 ? `${words.slice(0, LETTERS + 2)}…` : words;
  const share = make("g", { class: "share", transform: `translate(34 ${HIGH - 6.5})` });
  let left = 0;
  for (const state of ORDER) {
    const width = ((counts[state] ?? 0) / Math.max(total, 1)) * (WIDE - 42);
    if (width) share.append(make("rect", { class: `f-${tones[state]}`, x: left, width, height: 3.5 }));
    left += width;
  }
  node.append(more, share);
}

/** "312 done, 3 failed": what ended well is done, and what waits is not said while there is anything else. */
function inWords(counts) {
  const said = ORDER.filter((state) => counts[state]).map((state) => `${counts[state]} ${state === "succeeded" ? "done" : state}`);
  return said.join(", ") || "not begun";
}

/** One tone for many tasks: the worst that needs somebody, else what goes on. */
export function toneOf(counts) {
  const has = (state) => counts[state] > 0;
  if (has("failed")) return "failed";
  if (has("running")) return "running";
  const open = ["queued", "ready", "waiting"].find(has);
  if (open) return has("succeeded") ? "running" : open;
  return ["canceled", "skipped"].find(has) ?? "succeeded";
}

/** @param {number[]} points x, y, x, y, ... from the right of one node to the left of another */
export function edgePath(points) {
  let path = `M${points[0]} ${points[1]}`;
  for (let at = 2; at < points.length; at += 2) {
    const [x, y, toX, toY] = points.slice(at - 2, at + 2);
    const middle = (x + toX) / 2;
    path += `C${middle} ${y} ${middle} ${toY} ${toX} ${toY}`;
  }
  return path;
}
