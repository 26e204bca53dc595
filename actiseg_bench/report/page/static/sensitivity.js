// Score against the level of noise, one chart per kind of noise; the band is ± one standard deviation.

const MOST_BANDS = 6; // more rows than these in a chart cover each other with their bands
const hiddenRows = new Set();

function drawSensitivity(place, state) {
  const { board, metric } = state;
  const rows = methodRows(board).filter((row) => !hiddenRows.has(row.key));
  const charts = board.axes.map((axis) => lineChart({ title: `${metric.title} over ${axis.name}`, xTitle: axis.label,
    series: rows.map((row) => sensitivitySeries(row, axis.levels, board, metric, rows.length <= MOST_BANDS)) }));
  refill(place, ...(charts.length ? [legend(methodRows(board), hiddenRows, drawCurves), h("div", { class: "charts" }, charts),
    h("p", { class: "note" }, `Bands are ± one standard deviation of the runs, drawn for up to ${MOST_BANDS} rows.`)]
    : [h("p", { class: "note" }, "No kind of noise was run at two levels.")]));
}

function sensitivitySeries(row, levels, board, metric, hasBand) {
  const points = [];
  const band = [];
  for (const [track, level] of levels) {
    const cell = board.cells[track][row.key];
    if (!cell || cell.values[metric.key][0] === null) continue;
    const [mean, std] = cell.values[metric.key].map((value) => value === null ? null : 100 * value);
    points.push([level, mean]);
    if (std !== null) band.push([level, mean - std, mean + std]);
  }
  return { name: row.key, colour: row.colour, dashed: row.dashed, points, band: hasBand && band.length === points.length ? band : [] };
}

/** Return the rows that learned. */
function methodRows(board) {
  return board.rows.filter((row) => row.colour !== null);
}
