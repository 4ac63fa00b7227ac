// One line of a log as an element. Its text goes in as text: what a program writes never becomes HTML.
//
// A line comes as [place, microseconds, stream, level, pieces]; a piece is a text, or [text, names of looks]. One where a
// group of lines begins or ends has a sixth member, [name or null, key].
const MARKS = { stderr: "err", system: "node" };

/**
 * `needle` is marked wherever it stands, `ranges` in the line `hit` alone.
 * @typedef {{ times: string, beganUs: number, needle: string, matchCase: boolean, ranges: [number, number][],
 *   chosen: [number, number] | null, hit: number, groups: import("./groups.mjs").Groups }} Look
 */

/** @param {any[]} line @param {Look} look */
export function row([place, atUs, stream, level, pieces, mark], look) {
  const item = document.createElement("li");
  item.dataset.place = String(place);
  item.className = `s-${stream} v-${level}`;
  if (look.chosen && place >= look.chosen[0] && place <= look.chosen[1]) item.classList.add("chosen");
  if (place === look.hit) item.classList.add("hit");
  const at = document.createElement("a");
  at.className = "at";
  at.href = `#L${place}`;
  at.textContent = String(place);
  at.tabIndex = -1;
  item.append(at);
  if (look.times !== "off") item.append(span("when", when(atUs, look)));
  item.append(span("of", MARKS[stream] ?? ""));
  const text = span("text", "");
  const group = mark && look.groups.at(place);
  if (group) text.append(folder(group, look));
  else {
    const ranges = place === look.hit ? look.ranges : [];
    let offset = 0;
    for (const piece of pieces) {
      const [words, looks] = typeof piece === "string" ? [piece, ""] : piece;
      const into = looks ? text.appendChild(span(looks.split(" ").map((name) => `a-${name}`).join(" "), "")) : text;
      if (ranges.length) writeRanges(into, words, offset, ranges);
      else write(into, words, look);
      offset += words.length;
    }
  }
  if (mark && !group) item.classList.add("group-end");
  const depth = Math.min(4, look.groups.depth(place));
  if (depth) item.classList.add(`g${depth}`);
  item.append(text);
  return item;
}

function folder({ first, last, name }, { groups }) {
  const folded = groups.isFolded({ first });
  const made = document.createElement("button");
  [made.type, made.className, made.dataset.fold] = ["button", "fold", String(first)];
  made.setAttribute("aria-expanded", String(!folded));
  const inside = Number.isFinite(last) ? last - first - 1 : null;
  made.textContent = `${folded ? "▸" : "▾"} ${name}`;
  if (folded && inside !== null) made.append(span("soft", ` ${inside.toLocaleString()} line${inside === 1 ? "" : "s"}`));
  return made;
}

/** The piece begins at `offset` of the line that the ranges are of. */
function writeRanges(into, words, offset, ranges) {
  let from = 0;
  for (const [start, end] of ranges) {
    const [low, high] = [Math.max(start - offset, from), Math.min(end - offset, words.length)];
    if (low >= high) continue;
    into.append(words.slice(from, low), marked(words.slice(low, high)));
    from = high;
  }
  into.append(words.slice(from));
}

function marked(words) {
  const mark = document.createElement("mark");
  mark.textContent = words;
  return mark;
}

function span(name, words) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = words;
  return made;
}

function write(into, words, { needle, matchCase }) {
  if (!needle) return into.append(words);
  const [inside, wanted] = matchCase ? [words, needle] : [words.toLowerCase(), needle.toLowerCase()];
  // Lower case may have another length in a few scripts: then nothing is marked rather than the wrong letters.
  if (inside.length !== words.length) return into.append(words);
  let from = 0;
  for (let at = inside.indexOf(wanted); at >= 0; at = inside.indexOf(wanted, from)) {
    into.append(words.slice(from, at), marked(words.slice(at, at + wanted.length)));
    from = at + wanted.length;
  }
  return into.append(words.slice(from));
}

function when(atUs, { times, beganUs }) {
  if (times === "absolute") {
    const at = new Date(atUs / 1000);
    return `${at.toLocaleTimeString([], { hour12: false })}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  }
  const seconds = Math.max(0, (atUs - beganUs) / 1e6);
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds % 60).toFixed(2).padStart(5, "0");
  return minutes < 60 ? `+${minutes}:${rest}` : `+${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}
