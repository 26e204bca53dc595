// Rows by tracks: one metric at a time; a click opens the cell.

const MOST_BESIDE = 5; // tracks whose scores have their deviations beside them on paper, not below
let sortedBy = null;

function drawMatrix(place, state) {
  const { board, metric } = state;
  const rows = board.rows.map((row) => row.key);
  if (sortedBy !== null) {
    const cost = (row) => costOf(board.cells[sortedBy][row], metric);
    rows.sort((one, other) => (cost(one) === cost(other) ? 0 : cost(one) - cost(other)));
  }
  const arrow = metric.lower ? " ↑" : " ↓";
  const head = board.tracks.map((track) => h("th", { scope: "col", "aria-sort": sortedBy === track.name ? (metric.lower ? "ascending" : "descending") : "none" },
    h("button", { type: "button", title: "sort by this track", click: () => { sortedBy = sortedBy === track.name ? null : track.name; drawMatrix(place, state); say(sortedBy === null ? "in the order of the leaderboard" : `sorted by ${track.name}, best first`); } }, track.name + (sortedBy === track.name ? arrow : ""))));
  const table = h("table", {},
    h("caption", { class: "hidden" }, `${metric.title} of every strategy on every track`), h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "text" }, "strategy"), head)),
    h("tbody", {}, rows.map((row) => matrixRow(row, state))));
  const isWide = board.tracks.length > MOST_BESIDE;
  table.classList.toggle("wide", isWide);
  table.style.setProperty("--ems", emsOf(rows, board.tracks.map((track) => track.name), isWide));
  oneStop(table)(table.querySelector("button"));
  refill(place,
    h("p", { class: "note" }, `${metric.title} × 100, mean ± standard deviation of the runs. * best mean, ≈ not separable from it, ∅ a run predicts next to nothing, – did not run. The bluer, the nearer to the best of its track. `,
      h("span", { class: "hint" }, "Click a cell for what is behind it, a track to sort by it; arrow keys move between them.")),
    h("div", { class: "scroll" }, table));
}

/** Return about how many ems wide the matrix is on paper, where names break at hyphens. */
function emsOf(rows, tracks, isWide) {
  const columnOf = (name) => Math.max(isWide ? 5.6 : 9.5, 1 + 0.7 * Math.max(...name.split(/(?<=-)/).map((part) => part.length)));
  return 2 + 0.65 * Math.max(...rows.map((row) => row.length)) + tracks.reduce((sum, name) => sum + columnOf(name), 0);
}

/** Return a number that is smaller the better a cell is; infinity for one without a score. */
function costOf(cell, metric) {
  const mean = cell ? cell.values[metric.key][0] : null;
  return mean === null ? Infinity : metric.lower ? mean : -mean;
}

function matrixRow(row, state) {
  const { board, metric } = state;
  const cells = board.tracks.map((track) => matrixCell(board.cells[track.name][row], row, track, metric, state));
  const reference = board.tracks.some((track) => (board.cells[track.name][row] || {}).reference);
  return h("tr", { class: reference ? "reference" : null }, h("th", { scope: "row" }, row), cells);
}

function matrixCell(cell, row, track, metric, state) {
  if (!cell || cell.values[metric.key][0] === null) return h("td", { class: "none" }, "–");
  const [mean, std] = cell.values[metric.key];
  const means = Object.values(state.board.cells[track.name]).filter((one) => one.competes && !one.silent).map((one) => one.values[metric.key][0]).filter((value) => value !== null);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const share = high > low ? (mean - low) / (high - low) : 0.5;
  const near = Math.min(1, Math.max(0, metric.lower ? 1 - share : share));
  const mark = cell.silent ? "∅ " : cell.tied.includes(metric.key) ? "≈ " : "";
  const lacks = cell.missing.length ? ` (${cell.runs.length} of ${cell.runs.length + cell.missing.length})` : "";
  const rest = [std === null ? "" : ` ± ${percent(std)}`, cell.best.includes(metric.key) ? " *" : "", lacks].join("");
  const classes = [cell.competes && !cell.silent ? "heat" : "", cell.best.includes(metric.key) ? "best" : ""].join(" ");
  const element = h("td", { "data-row": row, "data-track": track.name, class: classes },
    h("button", { type: "button", title: `what is behind ${row} on ${track.name}`, "aria-controls": "cell",
      "aria-expanded": String(isOpenCell(row, track.name, state)), click: () => openCell(row, track, state) }, mark + percent(mean), rest ? h("span", { class: "rest" }, rest) : null));
  element.style.setProperty("--near", near);
  return element;
}

function isOpenCell(row, name, state) {
  return state.cell !== null && state.cell.row === row && state.cell.track.name === name;
}

/** Open a cell below the table; what is open already is closed. */
function openCell(row, track, state) {
  if (isOpenCell(row, track.name, state)) return closeCell(state);
  state.cell = { row, track };
  drawCell(state);
  markOpenCell(state);
  writeAddress({ row, of: track.name });
  document.getElementById("cell").scrollIntoView({ block: "nearest" });
  say(`${row} on ${track.name} is shown below the table`);
}

function closeCell(state) {
  const { row, track } = state.cell;
  state.cell = null;
  document.getElementById("cell").replaceChildren();
  markOpenCell(state);
  writeAddress({ row: null, of: null });
  const cell = matrixCells().find((one) => one.dataset.row === row && one.dataset.track === track.name);
  if (cell) cell.firstChild.focus();
  say(`${row} on ${track.name} is closed`);
}

function matrixCells() {
  return [...document.querySelectorAll("#matrix-body td[data-row]")];
}

function markOpenCell(state) {
  for (const { dataset, firstChild } of matrixCells()) {
    firstChild.setAttribute("aria-expanded", String(isOpenCell(dataset.row, dataset.track, state)));
  }
}

/** Draw what is behind the open cell. */
function drawCell(state) {
  const { board, metric, cell: { row, track } } = state;
  const cell = board.cells[track.name][row];
  const copy = h("button", { type: "button", click: async () => { copy.textContent = (await copyText(cell.command)) ? "Copied" : "Select it and copy"; say(copy.textContent); } }, "Copy");
  document.getElementById("cell").replaceChildren(...[
    h("div", { class: "row" }, h("h3", {}, `${row} on ${track.name}`), h("span", { class: "tools" }, h("button", { type: "button", "aria-label": `close ${row} on ${track.name}`, click: () => closeCell(state) }, "close"))),
    cell.oracle ? h("p", { class: "warn" }, `Knew what a user would not: ${cell.oracle}`) : null,
    h("div", { class: "scroll" }, h("table", {}, h("caption", {}, `Its runs; ${Math.round(cell.updates)} updates and ${Math.round(cell.memory)} MiB in the mean`),
      h("thead", {}, h("tr", {}, ["noise seed", "training seed", metric.title, "seconds", "labels", "predictions", "run"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, cell.runs.map((run) => h("tr", {}, [run.noise, run.seed, percent(run.scores[metric.key]), run.train_s, (run.labels || "–").slice(0, 12), run.predictions.slice(0, 12), run.key.slice(0, 12)].map((value) => h("td", {}, String(value)))))))),
    h("div", { class: "charts" }, lineChart({ title: `${row} on ${track.name}: mean loss of an epoch`, xTitle: "epoch", series: cell.runs.map((run) => ({ name: `seed ${run.noise}/${run.seed}`, colour: rowColour(row), points: run.loss.map((value, i) => [i + 1, value]) })) })),
    cell.command ? h("div", { class: "row" }, h("span", {}, "To make it again:"), h("span", { class: "tools" }, copy)) : null,
    cell.command ? h("pre", {}, h("code", {}, cell.command)) : null,
    cell.made ? h("details", {}, h("summary", {}, "Configuration and versions"), h("pre", {}, h("code", {}, JSON.stringify(cell.made, null, 1)))) : null].filter(Boolean));
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // a page from disk may not, in some browsers
  }
}
