// The report: one state, sections that draw it, and an address that leads back.

const ADDRESS = readAddress();
const BOARD = DATA.board;
const STATE = {
  board: BOARD,
  track: BOARD.tracks.find((track) => track.name === ADDRESS.track) || BOARD.tracks[0],
  metric: BOARD.metrics.find((metric) => metric.key === ADDRESS.metric) || BOARD.metrics[0],
  cell: findCell(ADDRESS.row, ADDRESS.of),
};
let clipSection = null;

/** Return the open cell as {row, track}, null where an address names none. */
function findCell(row, name) {
  const track = BOARD.tracks.find((one) => one.name === name);
  return track && Object.hasOwn(BOARD.cells[track.name], row || "") ? { row, track } : null;
}

function body(name) {
  return document.getElementById(`${name}-body`);
}

function drawAll() {
  drawRanking(body("found"), STATE);
  drawMatrix(body("matrix"), STATE);
  drawFailures(body("failures"), STATE);
  drawCurves();
  if (STATE.cell) drawCell(STATE);
  writeAddress({ track: STATE.track.name, metric: STATE.metric.key });
}

/** Draw what the legend switches rows off in. */
function drawCurves() {
  drawSensitivity(body("sensitivity"), STATE);
  drawTraining(body("training"), STATE);
}

function drawChoices() {
  document.getElementById("choices").replaceChildren(
    h("label", {}, "track ", chooser("track", BOARD.tracks.map((track) => [track.name, track.name]), STATE.track.name, (name) => {
      STATE.track = BOARD.tracks.find((track) => track.name === name);
      drawAll();
      if (clipSection) clipSection.refresh();
      say(`all sections show ${name}`);
    })),
    h("label", {}, "metric ", chooser("metric", BOARD.metrics.map((metric) => [metric.key, metric.title]), STATE.metric.key, (key) => {
      STATE.metric = BOARD.metrics.find((metric) => metric.key === key);
      drawAll();
      say(`all sections show ${STATE.metric.title}`);
    })));
}

function drawProvenance() {
  const labels = BOARD.tracks.flatMap((track) => track.labels.filter(Boolean).map((digest) => [track.name, digest]));
  body("provenance").replaceChildren(
    h("div", { class: "scroll" }, h("table", {}, h("caption", {}, "What made the runs"), h("tbody", {}, BOARD.made_by.map(([name, text]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "prompt" }, text)))))),
    h("div", { class: "scroll" }, h("table", {}, h("caption", {}, "Training labels, by digest"), h("tbody", {}, labels.map(([name, digest]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "prompt" }, h("code", {}, digest))))))),
    h("h3", {}, "Notes"), h("ul", {}, BOARD.notes.map((note) => h("li", {}, note))));
}

/** List the clips in which a row fails in one way; the table of failures calls it. */
function showFailures(row, mode) {
  if (clipSection) clipSection.find(row, mode);
}

document.getElementById("about").append(...BOARD.title.flatMap((line, i) => (i ? [h("br"), line] : [line])));
drawChoices();
drawAll();
drawProvenance();
if (DATA.clips.length) clipSection = new ClipSection(STATE);
else body("clips").append(h("p", { class: "note" }, "No clips are in this report."));
for (const link of document.querySelectorAll("nav a")) {
  link.addEventListener("click", (event) => { event.preventDefault(); goTo(document.querySelector(link.getAttribute("href"))); });
}
document.getElementById("matrix").addEventListener("keydown", (event) => { if (event.key === "Escape" && STATE.cell) closeCell(STATE); });
let drawnAt = document.body.clientWidth;
addEventListener("resize", () => { // a chart's letters keep their size, not its parts
  if (Math.abs(document.body.clientWidth - drawnAt) < 40) return;
  drawnAt = document.body.clientWidth;
  drawRanking(body("found"), STATE);
  drawCurves();
});
