// A thread of its own that looks for the next line that fits a regular expression: it fetches the log stretch by stretch
// and tries its lines. A pattern can take for ever on a single line; so each stretch is announced, and who started the
// thread ends it when the answer to that does not come (`pattern_finder.mjs`). No pattern ever reaches the server.
//
//   in    { base, source, flags, from, backwards, total, stream, levels }
//   out   { looking: first line of the stretch } before lines are tried, { looked: true } after that,
//         { place, ranges: [[from, to], ...] } or { place: null } at the end, { error } when lines cannot be read
const STRETCH = 2000; // as many as the server gives at once
const MOST_RANGES = 200;

addEventListener("message", async ({ data }) => {
  try {
    postMessage(await look(data));
  } catch (error) {
    postMessage({ error: String(error.message ?? error) });
  }
});

async function look({ base, source, flags, from, backwards, total, stream, levels }) {
  const pattern = new RegExp(source, flags);
  const read = async (at) => {
    const [first, last] = backwards ? [Math.max(1, at - STRETCH + 1), at] : [at, Math.min(total, at + STRETCH - 1)];
    if (first > last) return null;
    const answer = await fetch(`${base}/lines?first=${first}&last=${last}`);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const { lines } = await answer.json();
    return { first, last, lines: backwards ? lines.reverse() : lines };
  };
  for (let coming = read(from); ; ) {
    const stretch = await coming;
    if (!stretch) return { place: null };
    const { first, last, lines } = stretch;
    coming = read(backwards ? first - 1 : last + 1); // while this one is looked at
    coming.catch(() => {}); // said when its turn has come
    postMessage({ looking: first });
    const hit = lines.find((line) => isWanted(line, stream, levels) && pattern.test(textOf(line)));
    const ranges = hit ? rangesOf(textOf(hit), source, flags) : [];
    postMessage({ looked: true });
    if (hit) return { place: hit[0], ranges };
  }
}

function isWanted([, , stream, level], wanted, levels) {
  return (!wanted || stream === wanted) && (!levels.length || levels.includes(level));
}

function textOf([, , , , pieces]) {
  return pieces.map((piece) => (typeof piece === "string" ? piece : piece[0])).join("");
}

function rangesOf(text, source, flags) {
  const found = [];
  for (const match of text.matchAll(new RegExp(source, `${flags}g`))) {
    if (match[0]) found.push([match.index, match.index + match[0].length]);
    if (found.length === MOST_RANGES) break;
  }
  return found;
}
