// Drag over the timeline to look closer: what lies between the two ends becomes the address (`?from=&to=`).
const LEAST_PX = 6;

document.addEventListener("pointerdown", (event) => {
  const lanes = event.target.closest?.("[data-brush]");
  const lane = event.target.closest?.(".lane svg");
  if (!lanes || !lane || event.button) return;
  const box = lane.getBoundingClientRect();
  const from = event.clientX;
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  mark.setAttribute("class", "brush");
  mark.setAttribute("height", "100%");
  lane.append(mark);

  const move = (now) => {
    const [left, right] = [Math.min(from, now.clientX), Math.max(from, now.clientX)];
    mark.setAttribute("x", left - box.left);
    mark.setAttribute("width", right - left);
  };
  const stop = (end) => {
    removeEventListener("pointermove", move);
    mark.remove();
    if (Math.abs(end.clientX - from) < LEAST_PX) return;
    addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
    const { from: first, to: last } = lanes.closest("[data-from]").dataset;
    const at = (x) => Math.round(Number(first) + (Math.min(1, Math.max(0, (x - box.left) / box.width))) * (last - first));
    const address = new URL(location.href);
    address.searchParams.set("from", at(Math.min(from, end.clientX)));
    address.searchParams.set("to", at(Math.max(from, end.clientX)));
    location.assign(address);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", stop, { once: true });
});
document.addEventListener("dragstart", (event) => event.target.closest?.("[data-brush]") && event.preventDefault());
