// Which tasks are shown as one? In a large graph those of one step that are alike: their names differ in numbers alone,
// and each hangs together with the others of its kind in the same way. `render 1` to `render 400` become "render × 400";
// the one that also feeds a preview stands by itself. What a person has opened is shown task by task. Pure.

export const LARGE = 200;
const SMALLEST = 8;
const MOST_ROUNDS = 12;

/**
 * @param {string[]} names @param {ArrayLike<number>} edges @param {ArrayLike<number>} layers
 * @param {Set<number>} opened groups that are not folded, by their first task
 * @returns {{ members: number[][], edges: number[] }} nodes, each with the tasks in it
 */
export function fold(names, edges, layers, opened) {
  let kinds = numbered(names.map((name, task) => `${layers[task]} ${stem(name)}`));
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const ties = tiesOf(kinds.of, edges);
    const finer = numbered(kinds.of.map((kind, task) => `${kind} ${ties[task]}`));
    const settled = finer.size === kinds.size;
    kinds = finer;
    if (settled) break;
  }
  const groups = Array.from({ length: kinds.size }, () => []);
  kinds.of.forEach((kind, task) => groups[kind].push(task));
  const members = groups.flatMap((tasks) => (opened.has(tasks[0]) ? tasks.map((task) => [task]) : [tasks]));
  return { members, edges: between(members, edges, names.length) };
}

/** @param {string[]} names */
export function apart(names, edges) {
  return { members: names.map((_, task) => [task]), edges: Array.from(edges) };
}

/** What the names of a group have in common. */
export function stem(name) {
  return name.replace(/\d+/g, "#");
}

/** @param {string[]} names */
export function groupName(names) {
  let length = names[0].length;
  for (const name of names) while (!name.startsWith(names[0].slice(0, length))) length--;
  return names[0].slice(0, length).replace(/[\s\-_.:/\[(#\d]+$/, "") || stem(names[0]);
}

/** Tasks with the same text are of one kind, if they are enough; others are alone. */
function numbered(texts) {
  const count = new Map();
  for (const text of texts) count.set(text, (count.get(text) ?? 0) + 1);
  const kinds = new Map();
  const of = texts.map((text, task) => {
    const key = count.get(text) < SMALLEST ? `alone ${task}` : text;
    if (!kinds.has(key)) kinds.set(key, kinds.size);
    return kinds.get(key);
  });
  return { of, size: kinds.size };
}

/** Of each task: with how many of which kind it hangs together, above and below. */
function tiesOf(of, edges) {
  const counts = of.map(() => new Map());
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [edges[at], edges[at + 1]];
    const [down, up] = [2 * of[to], 2 * of[from] + 1];
    counts[from].set(down, (counts[from].get(down) ?? 0) + 1);
    counts[to].set(up, (counts[to].get(up) ?? 0) + 1);
  }
  return counts.map((ties) => [...ties].sort(([one], [other]) => one - other).join(" "));
}

function between(members, edges, count) {
  const node = new Int32Array(count);
  members.forEach((tasks, at) => tasks.forEach((task) => (node[task] = at)));
  const seen = new Set();
  const found = [];
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [node[edges[at]], node[edges[at + 1]]];
    const key = from * members.length + to;
    if (from === to || seen.has(key)) continue;
    seen.add(key);
    found.push(from, to);
  }
  return found;
}
