// "Tell me when it is done": a notification of the browser when the job of this page has ended. For as long as it is open.
let wanted = false;

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-notify]");
  if (!button) return;
  wanted = !wanted && (await Notification.requestPermission()) === "granted";
  show(button);
});

document.addEventListener("flotilla:fresh", () => {
  const button = document.querySelector("[data-notify]");
  if (button) show(button);
  if (!wanted || !document.querySelector("[data-over]")) return;
  wanted = false;
  new Notification(document.title, { tag: document.querySelector("[data-job]").dataset.job });
});

function show(button) {
  button.hidden = !("Notification" in window) || Notification.permission === "denied";
  button.setAttribute("aria-pressed", String(wanted));
  button.textContent = wanted ? "You will be told" : "Tell me when it is done";
}

const first = document.querySelector("[data-notify]");
if (first) show(first);
