"use strict";
// Unpacks plotly.js, then draws every figure once it can be seen: what is folded away has no width yet.
const settings = {responsive: true, displayModeBar: false};
const touch = matchMedia("(pointer: coarse)").matches;

function draw(place) {
  if (place.dataset.drawn || place.closest("details:not([open])")) return;
  place.dataset.drawn = "yes";
  const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  if (touch) figure.layout.dragmode = false;  // a finger that scrolls the page must not zoom a plot
  Plotly.newPlot(place, figure.data, figure.layout, settings);
}

function hint() {  // which tables and pictures are wider than the page
  document.querySelectorAll(".wide").forEach(place => {
    place.classList.toggle("scrolls", place.scrollWidth > place.clientWidth + 4);
  });
}

function drawAll() {
  document.querySelectorAll(".plot").forEach(draw);
}

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const code = document.createElement("script");
  code.textContent = await new Response(stream).text();
  document.head.append(code);
}

hint();
addEventListener("resize", hint);
document.addEventListener("toggle", hint, true);
unpack(document.getElementById("plotly").textContent).then(() => {
  drawAll();
  document.addEventListener("toggle", drawAll, true);
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details.run").forEach(run => run.open = true);
    drawAll();
  });
}).catch(error => {
  document.querySelectorAll(".plot").forEach(place => {
    place.style.height = "auto";
    place.textContent = `This browser cannot draw interactive plots (${error}); a newer one can.`;
  });
});
