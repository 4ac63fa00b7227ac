// The viewer of a log: it fetches what is looked at, follows what is being written until one scrolls up, finds, marks
// lines by the address (#L120-L140), and shows times and long lines as one likes. Without it the page has plain lines.
import { BLOCK, Blocks, SEGMENT } from "./blocks.mjs";
import { Finder } from "./find.mjs";
import { Groups } from "./groups.mjs";
import { PatternFinder } from "./pattern_finder.mjs";

const ASK_MS = 1000;
const HIDDEN_MS = 10_000;
const BOTTOM = 40;
const TIMES = ["off", "relative", "absolute"];

const place = document.querySelector("[data-log]");
const base = place.dataset.log;
const address = new URLSearchParams(location.search);
const look = {
  times: TIMES.includes(address.get("times")) ? address.get("times") : "off",
  beganUs: Number(place.dataset.began),
  needle: "", matchCase: false, ranges: [], chosen: null, hit: 0,
  groups: new Groups(),
};
let total = Number(place.dataset.total);
let over = place.dataset.over === "1";
let following = false;
let seen = total;
let grouped = 1;

const viewer = make("div", { className: "viewer", tabIndex: 0, role: "log", ariaLive: "off", ariaLabel: "Log" });
const status = make("output", { className: "soft" });
const count = make("span", { className: "count" });
const more = make("button", { className: "pill log-more", type: "button", hidden: true });
const buttons = {
  follow: button("Follow", "f", () => follow(!following)),
  error: button("First error", "!", firstError),
  previous: button("Previous match", "N", () => find(true)),
  next: button("Next match", "n", () => find(false)),
  times: button("", "t", nextTimes),
  fold: button("Fold groups", "z", () => fold(look.groups.folded ? "" : "all")),
  wrap: button("Wrap", "w", () => wrap(viewer.classList.contains("unwrapped"))),
  before: button("Lines before", "", () => openAt(blocks.first - 1)),
  after: button("Lines after", "", () => openAt(blocks.last + 1)),
};
const finder = new Finder(base);
const patternFinder = new PatternFinder(base);
let lookingFor = "";
const blocks = new Blocks(viewer, read, look);
const form = document.getElementById("log-find");

place.replaceChildren(bar(), viewer, more);
more.addEventListener("click", () => follow(true));
viewer.addEventListener("scroll", scrolled, { passive: true });
viewer.addEventListener("click", choose);
addEventListener("hashchange", toHash);
new ResizeObserver(resized).observe(viewer);
document.addEventListener("keydown", key);
form.addEventListener("submit", submitted);
start();

function start() {
  viewer.classList.toggle("timed", look.times !== "off");
  viewer.classList.toggle("unwrapped", address.get("wrap") === "0");
  document.getElementById("log-pattern").hidden = false;
  look.groups.folded = address.get("fold") ?? "";
  blocks.open(segmentOf(total), total);
  tell();
  const text = address.get("find") ?? "";
  if (text) {
    form.elements.q.value = text;
    form.elements.case.checked = address.has("findcase");
    form.elements.pattern.checked = address.has("findre");
  }
  if (total) readGroups();
  if (location.hash.startsWith("#L")) toHash();
  else if (text) find(false);
  else if (!over || place.closest("main").querySelector("#log-head .t-failed")) toEnd();
  else if (blocks.first > 1) openAt(1);
  if (!over) {
    following = !location.hash;
    setTimeout(ask, ASK_MS);
  }
  tell();
}

async function read(first, last) {
  try {
    const answer = await fetch(`${base}/lines?first=${first}&last=${last}`);
    if (answer.ok) return noted((await answer.json()).lines);
    status.textContent = `Lines ${first} to ${last} could not be read: the server answers ${answer.status}.`;
  } catch {
    status.textContent = `Lines ${first} to ${last} could not be read: the server does not answer.`;
  }
  return [];
}

/** What is new: a run that writes is asked once a second, one that has ended no more. */
async function ask() {
  try {
    const answer = await fetch(`${base}/lines?first=${total + 1}&last=${total + BLOCK}`);
    if (answer.ok) grown(await answer.json());
    status.textContent = answer.ok ? status.textContent : `The server answers ${answer.status}; it is asked again.`;
  } catch {
    status.textContent = "The server does not answer; it is asked again.";
  }
  if (!over) setTimeout(ask, document.hidden ? HIDDEN_MS : ASK_MS);
}

/** The groups that begin or end in these lines are known from now on. */
function noted(lines) {
  look.groups.add(lines.filter((line) => line[5]).map(([place, , , , , mark]) => [place, ...mark]));
  return lines;
}

/** Those of the whole log, also where nobody has looked yet. */
async function readGroups() {
  try {
    while (grouped !== null) {
      const answer = await fetch(`${base}/groups?first=${grouped}`);
      if (!answer.ok) break;
      const { marks, next } = await answer.json();
      look.groups.add(marks);
      grouped = next;
    }
  } catch {
    // Without them the log is read as it is.
  }
  grouped = null;
  if (look.groups.takeFresh()) {
    tell();
    await relay();
  }
}

function fold(folded) {
  look.groups.folded = folded;
  folds();
}

/** Something was folded or unfolded: the line at `place`, else the one seen first, stays where it is. */
async function folds(place) {
  remember({ fold: look.groups.folded });
  following = false;
  await blocks.redraw(true, place);
  tell();
}

function grown(news) {
  const wasEmpty = !total;
  if (news.total > total + news.lines.length) [grouped] = [total + 1];
  [total, over] = [news.total, news.over];
  noted(news.lines);
  if (grouped !== null) readGroups();
  else if (look.groups.takeFresh()) look.groups.folded ? relay() : blocks.redraw();
  if (wasEmpty && total) blocks.open(1, total);
  else blocks.grow(total);
  blocks.take(news.lines);
  if (following) {
    seen = total;
    toEnd();
  }
  if (over) following = false;
  tell();
}

/** Lines wrap anew in another width; another height alone changes nothing. */
function resized() {
  const before = resized.width;
  resized.width = viewer.clientWidth;
  if (before && before !== resized.width) relay();
  else if (following) toEnd();
}

/** Everything is laid out anew, and who was at the end stays there. */
async function relay() {
  const atEnd = following || isAtEnd();
  await blocks.redraw(true);
  if (atEnd) await toEnd();
}

function isAtEnd() {
  return viewer.scrollHeight - viewer.scrollTop - viewer.clientHeight < BOTTOM && blocks.last >= total;
}

function scrolled() {
  const atEnd = isAtEnd();
  if (following && !atEnd && !scrolled.byUs && viewer.scrollTop < scrolled.top) following = false;
  else if (!over && atEnd) following = true;
  if (atEnd) seen = total;
  scrolled.top = viewer.scrollTop;
  tell();
}

function follow(on) {
  following = on && !over;
  if (on) {
    if (blocks.last < total) blocks.open(segmentOf(total), total);
    seen = total;
    toEnd();
  }
  tell();
}

/** To the last line, also when its block is still being filled. */
async function toEnd() {
  if (!total) return;
  scrolled.byUs = true;
  await blocks.show(total);
  viewer.scrollTop = viewer.scrollHeight;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    viewer.scrollTop = viewer.scrollHeight;
    scrolled.byUs = false;
  }));
}

function segmentOf(line) {
  return Math.floor(Math.max(0, line - 1) / SEGMENT) * SEGMENT + 1;
}

async function openAt(line) {
  following = false;
  const wanted = Math.min(Math.max(1, line), total);
  if (look.groups.reveal(wanted)) {
    remember({ fold: look.groups.folded });
    blocks.redraw(true);
  }
  if (wanted < blocks.first || wanted > blocks.last) blocks.open(segmentOf(wanted), total);
  await blocks.show(wanted);
  tell();
}

function toHash() {
  const found = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
  if (!found) return;
  const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
  look.chosen = [Math.min(from, to), Math.max(from, to)];
  blocks.redraw();
  openAt(look.chosen[0]);
}

function choose(event) {
  const folder = event.target.closest?.("button.fold");
  if (folder) {
    look.groups.toggle(Number(folder.dataset.fold));
    return folds(Number(folder.dataset.fold));
  }
  const at = event.target.closest?.("a.at");
  if (!at) return;
  event.preventDefault();
  const line = Number(at.parentElement.dataset.place);
  const from = event.shiftKey && look.chosen ? look.chosen[0] : line;
  look.chosen = [Math.min(from, line), Math.max(from, line)];
  history.replaceState(null, "", look.chosen[0] === look.chosen[1] ? `#L${line}` : `#L${look.chosen[0]}-L${look.chosen[1]}`);
  blocks.redraw();
  following = false;
  tell();
}

function submitted(event) {
  // Only lines of one stream or level: that is another page, which the server writes. A pattern is tried here.
  const narrowed = form.elements.stream.value || form.elements.level.selectedIndex;
  if (narrowed && !form.elements.pattern.checked) return;
  event.preventDefault();
  find(event.submitter === null && event.shiftKey);
}

function find(backwards) {
  const [text, matchCase, isPattern] = ["q", "case", "pattern"].map((name) => valueOf(form.elements[name]));
  remember({ find: text, findcase: text && matchCase ? "1" : "", findre: text && isPattern ? "1" : "" });
  const wanted = JSON.stringify([text, matchCase, isPattern, form.elements.stream.value, form.elements.level.value]);
  if (wanted !== lookingFor) {
    finder.forget();
    patternFinder.forget();
    [look.needle, look.matchCase, look.hit, look.ranges] = [isPattern ? "" : text, matchCase, 0, []];
    lookingFor = wanted;
  }
  buttons.previous.hidden = buttons.next.hidden = !text;
  status.textContent = text ? "Looking…" : "";
  if (!text) return blocks.redraw();
  const before = look.chosen ? look.chosen[0] - (backwards ? 0 : 1) : backwards ? total + 1 : 0;
  const ask = () => ({ text, matchCase, from: look.hit || before, backwards, total });
  if (!isPattern) return finder.next(ask, (found) => showHit(found, backwards));
  const flags = matchCase ? "" : "i";
  try {
    RegExp(text, flags);
  } catch (error) {
    status.textContent = `That is no regular expression: ${error.message}`;
    return undefined;
  }
  const narrowed = { source: text, flags, stream: form.elements.stream.value, levels: levelsAsked() };
  return patternFinder.next(
    () => ({ ...ask(), ...narrowed }),
    (found, ranges) => showHit(found, backwards, ranges),
    (why) => (status.textContent = `Not found: ${why}.`),
  );
}

function valueOf(field) {
  return field.type === "checkbox" ? field.checked : field.value;
}

/** The chosen level and graver ones; none for all. */
function levelsAsked() {
  const { options, selectedIndex } = form.elements.level;
  return selectedIndex ? [...options].slice(selectedIndex).map((option) => option.value) : [];
}

async function showHit(found, backwards, ranges = []) {
  const round = look.hit && found && (backwards ? found >= look.hit : found <= look.hit);
  [look.hit, look.ranges] = [found ?? 0, ranges];
  status.textContent = found ? `Line ${found.toLocaleString()}${round ? ", round the end" : ""}` : "No line has it.";
  blocks.redraw();
  if (found) await openAt(found);
}

async function firstError() {
  status.textContent = "Looking…";
  const answer = await fetch(`${base}/trouble`);
  const { place: found } = answer.ok ? await answer.json() : { place: null };
  status.textContent = found ? `Line ${found.toLocaleString()}` : "Nothing looks like an error.";
  if (!found) return;
  [look.hit, look.ranges] = [found, []];
  history.replaceState(null, "", `#L${found}`);
  look.chosen = [found, found];
  blocks.redraw();
  openAt(found);
}

function nextTimes() {
  look.times = TIMES[(TIMES.indexOf(look.times) + 1) % TIMES.length];
  viewer.classList.toggle("timed", look.times !== "off");
  remember({ times: look.times === "off" ? "" : look.times });
  relay();
  tell();
}

function wrap(on) {
  viewer.classList.toggle("unwrapped", !on);
  remember({ wrap: on ? "" : "0" });
  relay();
  tell();
}

function remember(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) value ? query.set(name, value) : query.delete(name);
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, select, textarea, dialog[open]")) return;
  const wanted = Object.values(buttons).find((one) => one.dataset.letter === event.key);
  if (!wanted || wanted.hidden) return;
  event.preventDefault();
  wanted.click();
}

function tell() {
  count.textContent = `${total.toLocaleString()} line${total === 1 ? "" : "s"}${over ? "" : following ? ", following" : ", still written"}`;
  buttons.follow.hidden = over;
  buttons.follow.ariaPressed = String(following);
  buttons.wrap.ariaPressed = String(!viewer.classList.contains("unwrapped"));
  buttons.times.textContent = `Times: ${look.times}`;
  buttons.previous.hidden = buttons.next.hidden = !form.elements.q.value;
  buttons.fold.hidden = !look.groups.size;
  buttons.fold.ariaPressed = String(look.groups.allFolded);
  buttons.before.hidden = blocks.first <= 1;
  buttons.after.hidden = !total || blocks.last >= total;
  const missed = total - seen;
  more.hidden = over || following;
  more.textContent = missed > 0 ? `${missed.toLocaleString()} new line${missed === 1 ? "" : "s"} · Resume` : "Paused · Resume";
}

function bar() {
  const made = make("div", { className: "log-bar" });
  made.append(...Object.values(buttons), status, count);
  return made;
}

function button(words, letter, act) {
  const made = make("button", { type: "button", textContent: words });
  if (letter) {
    made.dataset.letter = letter;
    made.title = `Key: ${letter}`;
  }
  made.addEventListener("click", act);
  return made;
}

function make(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
