// Keeps the page no more than two seconds behind. It asks for the number of the last event, which costs the server
// next to nothing, and fetches its own main part again when that has grown, or when REFRESH_MS have passed (nodes and
// ages change without events). Where the server has a stream to spare, that rings as soon as something happens, and
// the asking is seldom; a hidden page gives its stream back. The badge says how it stands; nothing is stale in silence.
//
//   <main data-live="NUMBER">       keeps itself fresh from this event on; empty: it stays as it is
//   data-fresh="/address"           on an element in it: where the fresh part is, if not at the page's own address
//   data-swift                      on an element in it: what is shown changes without events; it is fetched every ASK_MS
//   data-job="ID"                   on an element in it: the changes of that job's tasks are told as `flotilla:tasks`
//
// Events on `document`: `flotilla:tasks` (detail: [[task id, state], ...]), `flotilla:fresh` after the part was renewed.
import { morph } from "./morph.mjs";

const ASK_MS = 2000;
const LIVE_MS = 5000;
const RUNG_MS = 150;
const BETWEEN_MS = 1000;
const SETTLED_MS = 5000;
const NO_STREAM_MS = 60_000;
const REFRESH_MS = 10_000;
const HIDDEN_MS = 30_000;
const PATIENCE_MS = 15_000;

const badge = document.getElementById("live");
let seq = 0;
let renewedAt = performance.now();
let offlineSince = null;
let timer = 0;
let dueAt = 0;
let steppedAt = -BETWEEN_MS;
let stepping = false;
let rung = false;
let turn = Promise.resolve();
let stream = null;
let noStreamUntil = performance.now() + SETTLED_MS;

export function keepFresh() {
  const main = document.getElementById("main");
  if (!main?.dataset.live) return;
  seq = Number(main.dataset.live);
  tell();
  schedule(ASK_MS);
  document.addEventListener("visibilitychange", () => (document.hidden ? unfollow() : schedule(0)));
  addEventListener("pagehide", unfollow);
}

/** Fetches the main part again now; resolves when it is in the page. */
export function renew() {
  turn = turn.then(fetchPart, fetchPart);
  return turn;
}

/** A browser has few connections for all of its pages on a server: only one that is seen, and stayed on, holds one. */
function follow() {
  if (stream || document.hidden || performance.now() < noStreamUntil) return;
  const job = jobHere();
  stream = new EventSource(`/ui/stream?after=${seq}${job ? `&job=${encodeURIComponent(job)}` : ""}`);
  stream.addEventListener("open", tell);
  stream.addEventListener("message", ring);
  stream.addEventListener("error", () => {
    if (stream?.readyState === EventSource.CLOSED) noStreamUntil = performance.now() + NO_STREAM_MS;
    unfollow();
    tell();
  });
}

function unfollow() {
  stream?.close();
  stream = null;
}

function isLive() {
  return stream?.readyState === EventSource.OPEN;
}

function isSwift() {
  return Boolean(document.querySelector("[data-swift]"));
}

function jobHere() {
  return document.querySelector("[data-job]")?.dataset.job;
}

/** A first change is shown at once; while the bell goes on ringing, they are shown once a second. */
function ring() {
  rung = true;
  const wait = Math.max(RUNG_MS, steppedAt + BETWEEN_MS - performance.now());
  if (!stepping && performance.now() + wait < dueAt) schedule(wait);
}

function schedule(ms) {
  dueAt = performance.now() + ms;
  clearTimeout(timer);
  timer = setTimeout(step, ms);
}

async function step() {
  if (stepping) return;
  stepping = true;
  rung = false;
  try {
    const job = jobHere();
    const answer = await ask(`/ui/live?after=${seq}${job ? `&job=${encodeURIComponent(job)}` : ""}`);
    const { seq: newest, tasks = [] } = await answer.json();
    const grown = newest > seq;
    seq = newest;
    if (tasks.length) document.dispatchEvent(new CustomEvent("flotilla:tasks", { detail: tasks }));
    if (grown || performance.now() - renewedAt > (isSwift() ? RUNG_MS : REFRESH_MS)) await renew();
    offlineSince = null;
  } catch (error) {
    if (!(error instanceof Away)) console.warn(error);
    offlineSince ??= new Date();
  }
  stepping = false;
  steppedAt = performance.now();
  follow();
  tell();
  const quiet = isLive() && !offlineSince && !isSwift() ? LIVE_MS : ASK_MS;
  schedule(document.hidden ? HIDDEN_MS : rung ? BETWEEN_MS : quiet);
}

async function fetchPart() {
  const address = document.querySelector("[data-fresh]")?.dataset.fresh ?? location.pathname + location.search;
  const answer = await ask(address, { "X-Flotilla-Part": "main" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [main, fresh] = [document.getElementById("main"), page.getElementById("main")];
  if (!main || !fresh) throw new Away();
  morph(main, fresh);
  document.title = page.title;
  const [icon, freshIcon] = [document.querySelector("link[rel=icon]"), page.querySelector("link[rel=icon]")];
  if (icon && freshIcon && icon.getAttribute("href") !== freshIcon.getAttribute("href")) {
    icon.setAttribute("href", freshIcon.getAttribute("href"));
  }
  renewedAt = performance.now();
  document.dispatchEvent(new CustomEvent("flotilla:fresh"));
}

class Away extends Error {}

async function ask(address, headers = {}) {
  let answer;
  try {
    answer = await fetch(address, { headers, signal: AbortSignal.timeout(PATIENCE_MS), redirect: "error" });
  } catch {
    throw new Away();
  }
  if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  if (!answer.ok) throw new Away();
  return answer;
}

const TITLES = {
  live: "Changes are shown as they happen",
  polling: "Fresh every 2 seconds",
  offline: "The server does not answer. What you see may be old; it is tried again.",
};

function tell() {
  if (!badge) return;
  badge.hidden = false;
  const is = offlineSince ? "offline" : isLive() ? "live" : "polling";
  const time = offlineSince?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const text = offlineSince ? `offline since ${time}` : is;
  if (badge.dataset.is !== is || badge.textContent !== text) {
    badge.dataset.is = is;
    badge.textContent = text;
    badge.title = TITLES[is];
  }
}
