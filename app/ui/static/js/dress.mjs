// Small comforts put onto what the server has written: local time on times, buttons that copy, one open pop-up at a
// time, what is chosen in a list, and the modules that only some pages need.
const MODULES = { "[data-source]": "./graph/graph.mjs", "[data-brush]": "./brush.mjs", "[data-notify]": "./notify.mjs", "[data-log]": "./log/log.mjs", "[data-readings]": "./readings.mjs" };
const loaded = new Set();
const dressed = new WeakSet();

/** @param {ParentNode} root */
export function dress(root) {
  for (const time of root.querySelectorAll("time[title]:not([data-local])")) {
    time.dataset.local = "";
    time.title = `${new Date(time.dateTime).toLocaleString()} (${time.title})`;
  }
  for (const button of fresh(root.querySelectorAll("[data-copy]"))) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  for (const form of root.querySelectorAll("#bulk")) {
    for (const one of fresh([form])) one.addEventListener("change", () => count(one));
    count(form);
  }
  for (const [selector, module] of Object.entries(MODULES)) {
    if (!loaded.has(module) && root.querySelector(selector)) {
      loaded.add(module);
      import(module);
    }
  }
}

document.addEventListener("toggle", (event) => {
  if (!event.target.open || !event.target.matches?.("details.confirm")) return;
  for (const other of document.querySelectorAll("details.confirm[open]")) if (other !== event.target) other.open = false;
}, true);

/** Those that come by for the first time. */
function fresh(elements) {
  return [...elements].filter((element) => !dressed.has(element) && dressed.add(element));
}

async function copy(button) {
  const text = button.parentElement.querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.parentElement.querySelector("pre"));
    button.textContent = "Chosen: copy it";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

function count(form) {
  const chosen = form.querySelectorAll("input[name=id]:checked").length;
  const words = form.querySelector("[data-chosen]");
  if (words) words.textContent = chosen ? `With the ${chosen} selected:` : "Select jobs to cancel or run again:";
  for (const button of form.querySelectorAll("button[name=do]")) button.disabled = !chosen;
}
