// Reads a plot out where one points: the field's data-readings has [x, text] for each of its points.
const WIDTH = 600;

document.addEventListener("pointermove", (event) => {
  const field = event.target.closest?.("[data-readings]");
  for (const other of document.querySelectorAll("[data-readings] .reading:not([hidden])")) {
    if (other.parentElement !== field) clear(other.parentElement);
  }
  if (field) show(field, event.clientX);
}, { passive: true });

function show(field, clientX) {
  const box = field.getBoundingClientRect();
  const at = (WIDTH * (clientX - box.left)) / box.width;
  const readings = JSON.parse(field.dataset.readings);
  const [x, words] = readings.reduce((best, one) => (Math.abs(one[0] - at) < Math.abs(best[0] - at) ? one : best));
  const output = field.querySelector(".reading");
  output.hidden = false;
  output.textContent = words;
  const svg = field.querySelector("svg");
  let line = svg.querySelector(".cursor");
  if (!line) {
    line = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
    line.setAttribute("class", "cursor");
  }
  line.setAttribute("d", `M${x},0 V100`);
}

function clear(field) {
  field.querySelector(".reading").hidden = true;
  field.querySelector(".cursor")?.remove();
}
