// Keeps the page no more than two seconds behind. It asks for the number of the last event, which costs the server
// next to nothing, and fetches its own main part again when that has grown, or when REFRESH_MS have passed (nodes and
// ages change without events). The badge says how it stands; nothing is stale in silence.
//
//   <main data-live="NUMBER">       keeps itself fresh from this event on; empty: it stays as it is
//   data-fresh="/address"           on an element in it: where the fresh part is, if not at the page's own address
//   data-job="ID"                   on an element in it: the changes of that job's tasks are told as `flotilla:tasks`
//
// Events on `document`: `flotilla:tasks` (detail: [[task id, state], ...]), `flotilla:fresh` after the part was renewed.
import { morph } from "./morph.mjs";

const ASK_MS = 2000;
const REFRESH_MS = 10_000;
const HIDDEN_MS = 30_000;
const PATIENCE_MS = 15_000;

const badge = document.getElementById("live");
let seq = 0;
let renewedAt = performance.now();
let offlineSince = null;
let timer = 0;
let turn = Promise.resolve();

export function keepFresh() {
  const main = document.getElementById("main");
  if (!main?.dataset.live) return;
  seq = Number(main.dataset.live);
  tell();
  schedule(ASK_MS);
  document.addEventListener("visibilitychange", () => !document.hidden && schedule(0));
}

/** Fetches the main part again now; resolves when it is in the page. */
export function renew() {
  turn = turn.then(fetchPart, fetchPart);
  return turn;
}

function schedule(ms) {
  clearTimeout(timer);
  timer = setTimeout(step, ms);
}

async function step() {
  try {
    const job = document.querySelector("[data-job]")?.dataset.job;
    const answer = await ask(`/ui/live?after=${seq}${job ? `&job=${encodeURIComponent(job)}` : ""}`);
    const { seq: newest, tasks = [] } = await answer.json();
    const grown = newest > seq;
    seq = newest;
    if (tasks.length) document.dispatchEvent(new CustomEvent("flotilla:tasks", { detail: tasks }));
    if (grown || performance.now() - renewedAt > REFRESH_MS) await renew();
    offlineSince = null;
  } catch (error) {
    if (!(error instanceof Away)) console.warn(error);
    offlineSince ??= new Date();
  }
  tell();
  schedule(document.hidden ? HIDDEN_MS : ASK_MS);
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

function tell() {
  if (!badge) return;
  badge.hidden = false;
  const is = offlineSince ? "offline" : "polling";
  const time = offlineSince?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const text = offlineSince ? `offline since ${time}` : "polling";
  if (badge.dataset.is !== is || badge.textContent !== text) {
    badge.dataset.is = is;
    badge.textContent = text;
    badge.title = offlineSince ? "The server does not answer. What you see may be old; it is tried again." : "Fresh every 2 seconds";
  }
}
