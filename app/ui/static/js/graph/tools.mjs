// The buttons over the graph: search, closer, wider, all of it, fold, the critical path.
import { LARGE } from "./fold.mjs";

export function addTools(graph) {
  const bar = Object.assign(document.createElement("div"), { className: "tools" });
  const search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Find a task" });
  search.setAttribute("aria-label", "Find a task in the graph");
  search.dataset.search = "";
  const hits = Object.assign(document.createElement("span"), { className: "off", role: "status" });
  search.addEventListener("input", () => {
    const count = graph.find(search.value);
    hits.textContent = search.value ? `${count} found` : "";
  });
  bar.append(search, hits, button("+", "Closer", graph.view.closer), button("−", "Wider", graph.view.wider));
  bar.append(button("Fit", "Fit the whole graph", () => graph.view.fit()));
  bar.append(toggle("Critical path", false, (on) => graph.showCritical(on)));
  if (graph.names.length > LARGE) {
    const folded = toggle("Fold alike", graph.folding, (on) => {
      graph.folding = on;
      graph.opened.clear();
      graph.layOut();
    });
    bar.append(folded);
  }
  graph.home.append(bar);
  return bar;
}

function button(text, label, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, title: label });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

function toggle(text, on, act) {
  const made = button(text, text, () => {
    const now = made.getAttribute("aria-pressed") !== "true";
    made.setAttribute("aria-pressed", String(now));
    act(now);
  });
  made.setAttribute("aria-pressed", String(on));
  return made;
}
