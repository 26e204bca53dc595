// Memorisation and selection over a training, on one track, means of the runs.

function drawTraining(place, state) {
  const { board, track } = state;
  const rows = methodRows(board).filter((row) => board.cells[track.name][row.key] && !hiddenRows.has(row.key));
  const fit = (name) => rows.map((row) => ({ name: row.key, colour: row.colour, dashed: row.dashed, points: overRuns(board.cells[track.name][row.key].runs, (run) => run.fits.map((one) => [one.step, one[name]])) }));
  const trust = (unit) => rows.map((row) => ({ name: row.key, colour: row.colour, dashed: row.dashed, points: overRuns(board.cells[track.name][row.key].runs, (run) => run.precision.map((one, epoch) => [epoch + 1, one[unit]])) }));
  refill(place, legend(methodRows(board), hiddenRows, drawCurves),
    h("div", { class: "charts" },
      lineChart({ title: `${track.name}: fit to the wrong labels that were given, mean IoU × 100`, xTitle: "update", series: fit("fit_given") }),
      lineChart({ title: `${track.name}: clips that are not trained on, mean IoU × 100`, xTitle: "update", series: fit("held_out") }),
      lineChart({ title: `${track.name}: share of right ones among trusted samples, %`, xTitle: "epoch", series: trust("samples") }),
      lineChart({ title: `${track.name}: share of right ones among trusted pixels, %`, xTitle: "epoch", series: trust("pixels") })));
}

/** Return [x, mean of the runs × 100] of the values that runs have. */
function overRuns(runs, pointsOf) {
  const at = new Map();
  for (const run of runs) {
    for (const [x, value] of pointsOf(run)) {
      if (value !== null && value !== undefined) at.set(x, [...(at.get(x) || []), value]);
    }
  }
  return [...at.entries()].sort((a, b) => a[0] - b[0]).map(([x, values]) => [x, 100 * meanOf(values)]);
}
