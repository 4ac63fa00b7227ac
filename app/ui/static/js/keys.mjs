// Keys: `/` search, `?` help, `g` and a letter to go, `j` `k` rows, `Enter` open, `x` select, `Esc` close; a link with
// `data-key` has one of its own. Not while typing.
const GO_MS = 1500;
let goUntil = 0;

export function listenToKeys() {
  const help = document.getElementById("help");
  const open = document.getElementById("help-open");
  if (open) {
    open.hidden = false;
    open.addEventListener("click", () => help.showModal());
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") return close(event);
    if (event.target.closest?.("input, select, textarea, [contenteditable], dialog[open]")) return;
    if (act(event.key, help)) event.preventDefault();
  });
}

function act(key, help) {
  if (performance.now() < goUntil) {
    goUntil = 0;
    const to = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    if (to) location.assign(to.href);
    return Boolean(to);
  }
  if (key === "g") {
    goUntil = performance.now() + GO_MS;
    return true;
  }
  if (key === "?") return help.showModal(), true;
  if (key === "/") return focus(document.querySelector("[data-search]"));
  if (key === "j" || key === "k") return move(key === "j" ? 1 : -1);
  const keyed = document.querySelector(`a[data-key="${CSS.escape(key)}"]`);
  if (keyed) return location.assign(keyed.href), true;
  if (key === "x") return document.querySelector("tr.here input[type=checkbox]")?.click(), true;
  if (key === "Enter" && document.activeElement === document.body) {
    document.querySelector("tr.here a")?.click();
    return true;
  }
  return false;
}

function focus(element) {
  element?.focus();
  element?.select?.();
  return Boolean(element);
}

/** The row is marked and its link has the focus, so that Enter and a screen reader follow. */
function move(by) {
  const rows = [...document.querySelectorAll("tr[data-row]")].filter((row) => row.offsetParent !== null);
  if (!rows.length) return false;
  const at = rows.findIndex((row) => row.classList.contains("here"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
  for (const row of rows) row.classList.toggle("here", row === next);
  next.querySelector("a")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function close(event) {
  const popped = document.querySelector("details.confirm[open]");
  const closer = document.querySelector("[data-close]");
  if (popped) popped.open = false;
  else if (event.target.matches?.("input, select, textarea")) event.target.blur();
  else closer?.click();
}
