// One line of a log as an element. Its text goes in as text: what a program writes never becomes HTML.
//
// A line comes as [place, microseconds, stream, level, pieces]; a piece is a text, or [text, names of looks].
const MARKS = { stderr: "err", system: "node" };

/** @typedef {{ times: string, beganUs: number, needle: string, matchCase: boolean, chosen: [number, number] | null, hit: number }} Look */

/** @param {[number, number, string, string, (string | [string, string])[]]} line @param {Look} look */
export function row([place, atUs, stream, level, pieces], look) {
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
  for (const piece of pieces) {
    const [words, looks] = typeof piece === "string" ? [piece, ""] : piece;
    const into = looks ? text.appendChild(span(looks.split(" ").map((name) => `a-${name}`).join(" "), "")) : text;
    write(into, words, look);
  }
  item.append(text);
  return item;
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
    into.append(words.slice(from, at));
    const mark = document.createElement("mark");
    mark.textContent = words.slice(at, at + wanted.length);
    into.append(mark);
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
