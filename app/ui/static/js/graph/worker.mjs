// Lays a graph out beside the page, which stays quick meanwhile. Asked by `graph.mjs`; one answer a question.
import { apart, fold } from "./fold.mjs";
import { layersOf, layOut } from "./layout.mjs";

addEventListener("message", ({ data: { turn, names, edges, open, folding, gaps } }) => {
  const begun = performance.now();
  let nodes = apart(names, edges);
  if (folding) {
    nodes = fold(names, edges, layersOf(names.length, edges), new Set(open));
  }
  const places = layOut(nodes.members.length, nodes.edges, gaps);
  postMessage({ turn, nodes, places, tookMs: performance.now() - begun });
});
