// Score against the level of noise, one chart per kind of noise; the band is ± one standard deviation.

const hiddenRows = new Set();

function drawSensitivity(place, state) {
  const { board, metric } = state;
  const clean = board.tracks.find((track) => track.axis === "clean");
  const kinds = Object.entries(board.axes).map(([axis, about]) => [axis, about, board.tracks.filter((track) => track.axis === axis)]);
  const charts = kinds.filter(([, , tracks]) => tracks.length + (clean ? 1 : 0) > 1 && tracks.length).map(([axis, about, tracks]) => {
    const places = [...(clean && axis !== "text" ? [[about.origin, clean]] : []), ...tracks.map((track) => [track.level, track])].sort((a, b) => a[0] - b[0]);
    const rows = methodRows(board).filter((row) => !hiddenRows.has(row.key));
    return lineChart({ title: `${metric.title} over ${axis}`, xTitle: about.label, series: rows.map((row) => sensitivitySeries(row, places, board, metric)) });
  });
  const shown = methodRows(board);
  refill(place, ...(charts.length ? [legend(shown, hiddenRows, drawCurves), h("div", { class: "charts" }, charts)]
    : [h("p", { class: "note" }, "No kind of noise was run at two levels.")]));
}

function sensitivitySeries(row, places, board, metric) {
  const points = [];
  const band = [];
  for (const [level, track] of places) {
    const cell = board.cells[track.name][row.key];
    if (!cell || cell.values[metric.key][0] === null) continue;
    const [mean, std] = cell.values[metric.key].map((value) => value === null ? null : 100 * value);
    points.push([level, mean]);
    if (std !== null) band.push([level, mean - std, mean + std]);
  }
  return { name: row.key, colour: rowColour(row.key), points, band: band.length === points.length ? band : [] };
}

/** Return the rows that learned. */
function methodRows(board) {
  return board.rows.filter((row) => row.colour !== null);
}
