// Which nodes and edges hang together with one, and which chain of work decides how long all of it takes? Pure.

/** Everything above and below a node. @returns {{ nodes: Set<number>, edges: Set<number> }} */
export function reach(start, edges) {
  const found = { nodes: new Set([start]), edges: new Set() };
  for (const [from, to] of [[0, 1], [1, 0]]) {
    const next = new Map();
    for (let at = 0; at < edges.length; at += 2) {
      if (!next.has(edges[at + from])) next.set(edges[at + from], []);
      next.get(edges[at + from]).push(at);
    }
    const walk = [start];
    const seen = new Set(walk);
    for (const node of walk) {
      for (const at of next.get(node) ?? []) {
        found.edges.add(at / 2);
        const other = edges[at + to];
        found.nodes.add(other);
        if (!seen.has(other)) {
          seen.add(other);
          walk.push(other);
        }
      }
    }
  }
  return found;
}

/**
 * The longest chain, by what its tasks took; one that has not ended counts as the middle of those that have.
 * @param {{ members: number[][], edges: number[] }} nodes @param {(number | null)[]} took milliseconds of each task
 */
export function criticalPath(nodes, took) {
  const known = took.filter((one) => one !== null && one !== undefined).sort((one, other) => one - other);
  const usual = known.length ? known[Math.floor(known.length / 2)] : 1;
  const weight = nodes.members.map((tasks) => Math.max(...tasks.map((task) => took[task] ?? usual)) + 1e-3);
  const count = nodes.members.length;
  const below = Array.from({ length: count }, () => []);
  const open = new Int32Array(count);
  for (let at = 0; at < nodes.edges.length; at += 2) {
    below[nodes.edges[at]].push(at);
    open[nodes.edges[at + 1]]++;
  }
  const best = Float64Array.from(weight);
  const by = new Int32Array(count).fill(-1);
  const walk = [...Array(count).keys()].filter((node) => !open[node]);
  for (const node of walk) {
    for (const at of below[node]) {
      const next = nodes.edges[at + 1];
      if (best[node] + weight[next] > best[next]) {
        best[next] = best[node] + weight[next];
        by[next] = at;
      }
      if (!--open[next]) walk.push(next);
    }
  }
  const found = { nodes: new Set(), edges: new Set() };
  let node = best.indexOf(Math.max(...best));
  while (node >= 0) {
    found.nodes.add(node);
    if (by[node] < 0) break;
    found.edges.add(by[node] / 2);
    node = nodes.edges[by[node]];
  }
  return found;
}
