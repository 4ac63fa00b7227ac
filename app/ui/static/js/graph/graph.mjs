// The graph of a job's page: fetched once, laid out beside the page, painted again as tasks change their states.
//
// A click or Enter on a task puts it into the address (`?task=`), and the server puts its panel into the page. Arrows walk
// along the edges. The drawing is an extra: the same graph is on the page in words.
import { renew } from "../live.mjs";
import { LARGE, groupName } from "./fold.mjs";
import { criticalPath, reach } from "./paths.mjs";
import { GAPS, HIGH, WIDE, drawNode, edgePath, make, paintNode, toneOf } from "./paint.mjs";
import { Overview } from "./overview.mjs";
import { addTools } from "./tools.mjs";
import { View } from "./view.mjs";

const MAPPED = 50;
const FAR = 0.42;
const ROOM = 130;
const MOST_LIT = 20_000;

class Graph {
  constructor(home) {
    this.home = home;
    home.hidden = false;
    this.edgesLayer = make("g");
    this.nodesLayer = make("g");
    this.world = make("g", {}, this.edgesLayer, this.nodesLayer);
    this.svg = make("svg", { role: "group", "aria-label": "Graph of the job's tasks. The same graph in words is below." }, this.world);
    this.waiting = Object.assign(document.createElement("p"), { className: "wait", textContent: "Laying out…" });
    home.append(this.svg, this.waiting);
    this.view = new View(this.svg, this.world, () => this.#moved());
    this.overview = new Overview(home, this.view);
    this.opened = new Set();
    this.turn = 0;
    this.worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.#laidOut(data));
    this.#listen();
  }

  async load() {
    const answer = await fetch(this.home.dataset.source);
    if (!answer.ok) return;
    const { states, tones, tasks, edges } = await answer.json();
    this.states = states;
    this.tones = Object.fromEntries(states.map((state, at) => [state, tones[at]]));
    this.ids = tasks.map(([id]) => id);
    this.names = tasks.map(([, name]) => name);
    this.now = tasks.map(([, , state]) => states[state]);
    this.maps = tasks.map(([, , , map]) => map);
    this.took = tasks.map(([, , , , took]) => took);
    const same = this.edges?.length === edges.length && this.place?.size === tasks.length;
    this.edges = edges;
    this.place = new Map(this.ids.map((id, at) => [id, at]));
    if (same && this.nodes) return this.repaint();
    this.folding ??= this.names.length > LARGE;
    this.tools ??= addTools(this);
    this.layOut();
  }

  layOut() {
    this.turn++;
    const question = { turn: this.turn, names: this.names, edges: this.edges, gaps: GAPS };
    this.worker.postMessage({ ...question, open: [...this.opened], folding: this.folding });
  }

  #laidOut({ turn, nodes, places, tookMs }) {
    if (turn !== this.turn) return;
    Object.assign(this, { nodes, places });
    this.home.dataset.layoutMs = tookMs.toFixed(0);
    this.waiting.remove();
    this.nodeOf = new Map();
    nodes.members.forEach((tasks, at) => tasks.forEach((task) => this.nodeOf.set(task, at)));
    this.#draw();
    this.view.bounds = { x: 0, y: -HIGH / 2, width: places.width + WIDE, height: places.height + HIGH };
    this.home.style.height = `clamp(15rem, ${Math.ceil(places.height + HIGH + ROOM)}px, max(20rem, 66vh))`;
    this.view.fit();
    this.repaint();
    this.chooseFromAddress();
    this.home.dataset.drawn = String(nodes.members.length);
  }

  #draw() {
    const { x, y, bends } = this.places;
    const paths = [];
    for (let at = 0; at < this.nodes.edges.length; at += 2) {
      const [from, to] = [this.nodes.edges[at], this.nodes.edges[at + 1]];
      const over = [...bends[at / 2]];
      for (let bend = 0; bend < over.length; bend += 4) over.splice(bend + 2, 0, over[bend] + WIDE, over[bend + 1]);
      paths.push(make("path", { class: "edge", d: edgePath([x[from] + WIDE, y[from], ...over, x[to], y[to]]) }));
    }
    this.edgesLayer.replaceChildren(...paths);
    this.nodesLayer.replaceChildren(...this.nodes.members.map((_, at) => drawNode({ x: x[at], y: y[at], at })));
    this.nodesLayer.firstChild?.setAttribute("tabindex", 0);
    this.overview.draw(this.nodes.members.length > MAPPED ? this.places : null);
  }

  /** All nodes, or those of these tasks. */
  repaint(tasks = null) {
    const wanted = tasks ? new Set(tasks.map((task) => this.nodeOf.get(task))) : this.nodes.members.keys();
    for (const at of wanted) paintNode(this.nodesLayer.children[at], this.#look(at));
    this.overview.paint((at) => this.#look(at).tone);
  }

  #look(at) {
    const tasks = this.nodes.members[at];
    const names = tasks.map((task) => this.names[task]);
    const map = tasks.length === 1 ? this.maps[tasks[0]] : null;
    const counts = tasks.length > 1 ? this.#counts(tasks) : map;
    const total = counts ? Object.values(counts).reduce((sum, one) => sum + one, 0) : 1;
    const state = tasks.length > 1 ? toneOf(counts) : this.now[tasks[0]];
    const name = tasks.length > 1 ? groupName(names) : names[0];
    return { name, tone: this.tones[state], word: state, counts, total, tones: this.tones };
  }

  #counts(tasks) {
    const counts = {};
    for (const task of tasks) counts[this.now[task]] = (counts[this.now[task]] ?? 0) + 1;
    return counts;
  }

  #listen() {
    this.nodesLayer.addEventListener("click", (event) => !this.view.dragged && this.#choose(event.target.closest(".node")));
    this.svg.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("flotilla:tasks", ({ detail }) => this.#changed(detail));
    document.addEventListener("flotilla:fresh", () => this.maps?.some(Boolean) && this.load());
    addEventListener("popstate", () => renew().then(() => this.chooseFromAddress()));
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("[data-close], #outline a[href*='task=']");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.#go(link.href);
    });
    new ResizeObserver(() => !this.view.touched && this.nodes && this.view.fit()).observe(this.home);
  }

  #changed(changes) {
    if (!this.nodes) return;
    const known = changes.filter(([id]) => this.place.has(id));
    for (const [id, state] of known) this.now[this.place.get(id)] = state;
    if (known.length < changes.length) this.load();
    else this.repaint(known.map(([id]) => this.place.get(id)));
  }

  /** A group opens; a task is shown beside the graph. */
  #choose(node) {
    if (!node) return;
    const at = Number(node.dataset.at);
    const [first, ...others] = this.nodes.members[at];
    if (others.length) {
      this.opened.add(first);
      return this.layOut();
    }
    const address = new URL(location.href);
    address.searchParams.set("task", this.ids[first]);
    this.#go(address);
  }

  async #go(address) {
    history.pushState(null, "", address);
    await renew();
    this.chooseFromAddress();
  }

  chooseFromAddress() {
    const task = this.place?.get(new URL(location.href).searchParams.get("task"));
    const at = task === undefined ? undefined : this.nodeOf?.get(task);
    for (const old of this.nodesLayer.querySelectorAll(".chosen")) old.classList.remove("chosen");
    const lit = at === undefined || this.nodes.edges.length > MOST_LIT ? null : reach(at, this.nodes.edges);
    this.light(lit, "lit");
    if (at === undefined) return;
    const node = this.nodesLayer.children[at];
    node.classList.add("chosen");
    this.#rove(node);
    if (!this.view.sees(this.places.x[at] + WIDE / 2, this.places.y[at])) this.#show(at);
  }

  /** Marks edges and nodes with a class, and takes it from all others; null: from all. */
  light(found, mark) {
    [...this.edgesLayer.children].forEach((path, edge) => path.classList.toggle(mark, Boolean(found?.edges.has(edge))));
    [...this.nodesLayer.children].forEach((node, at) => node.classList.toggle(mark, Boolean(found?.nodes.has(at))));
  }

  showCritical(wanted) {
    this.light(wanted ? criticalPath(this.nodes, this.took) : null, "critical");
  }

  /** Marks what has the text in its name, and shows the first; how many there are. */
  find(text) {
    const wanted = text.trim().toLowerCase();
    const hits = [];
    [...this.nodesLayer.children].forEach((node, at) => {
      const hit = Boolean(wanted) && this.nodes.members[at].some((task) => this.names[task].toLowerCase().includes(wanted));
      node.classList.toggle("found", hit);
      node.classList.toggle("dim", Boolean(wanted) && !hit);
      if (hit) hits.push(at);
    });
    if (hits.length) this.#show(hits[0]);
    return hits.length;
  }

  #show(at) {
    this.view.show(this.places.x[at] + WIDE / 2, this.places.y[at]);
  }

  #moved() {
    this.svg.classList.toggle("far", this.view.scale < FAR);
    this.overview?.frame();
  }

  #rove(node) {
    this.nodesLayer.querySelector('[tabindex="0"]')?.setAttribute("tabindex", -1);
    node.setAttribute("tabindex", 0);
  }

  #key(event) {
    const does = { "+": this.view.closer, "-": this.view.wider, 0: () => this.view.fit() }[event.key];
    const node = event.target.closest?.(".node");
    if (does) does();
    else if (node && (event.key === "Enter" || event.key === " ")) this.#choose(node);
    else if (node && event.key.startsWith("Arrow")) this.#walk(Number(node.dataset.at), event.key);
    else return;
    event.preventDefault();
  }

  /** Left and right along an edge, up and down within the layer. */
  #walk(at, key) {
    const { layers, y } = this.places;
    const ends = { ArrowLeft: [1, 0], ArrowRight: [0, 1] }[key];
    let next;
    if (ends) {
      for (let edge = 0; edge < this.nodes.edges.length && next === undefined; edge += 2) {
        if (this.nodes.edges[edge + ends[0]] === at) next = this.nodes.edges[edge + ends[1]];
      }
    } else {
      const up = key === "ArrowUp";
      const beside = [...layers.keys()].filter((one) => layers[one] === layers[at] && (up ? y[one] < y[at] : y[one] > y[at]));
      next = beside.sort((one, other) => Math.abs(y[one] - y[at]) - Math.abs(y[other] - y[at]))[0];
    }
    if (next === undefined) return;
    const node = this.nodesLayer.children[next];
    this.#rove(node);
    node.focus({ preventScroll: true });
    if (!this.view.sees(this.places.x[next] + WIDE / 2, y[next])) this.#show(next);
  }
}

const home = document.querySelector("#graph");
if (home) new Graph(home).load();
