// What was found: sentences, and the rows of one track in order, each run a dot.

function drawRanking(place, state) {
  const { board, track, metric } = state;
  const cells = Object.entries(board.cells[track.name]).filter(([, cell]) => cell.values[metric.key][0] !== null);
  const rows = cells.filter(([, cell]) => !cell.reference);
  const sign = metric.lower ? 1 : -1;
  rows.sort(([, one], [, other]) => sign * (one.values[metric.key][0] - other.values[metric.key][0]));
  const references = cells.filter(([, cell]) => cell.reference);
  const best = rows.find(([, cell]) => cell.best.includes(metric.key));
  refill(place,
    h("ul", {}, track.found.map((sentence) => h("li", {}, sentence))),
    h("p", { class: "note" }, track.line),
    rows.length || references.length
      ? h("figure", {}, h("figcaption", {}, `${metric.title} × 100 on ${track.name}, best first`), h("div", { class: "scroll" }, rankingChart(rows, references, best, metric)))
      : h("p", {}, `No row has a ${metric.title} on this track.`),
    h("p", { class: "note" }, `Each dot is a run, the bar its mean. ${best ? "The light band is the 95 % interval of the difference from the best mean, drawn there: where it reaches the dashed line, the two are not separable by this pair alone (marks are corrected for all comparisons). " : ""}Hollow bars are yardsticks, which compete with nobody; dotted lines are networks that did not learn.`));
}

function rankingChart(rows, references, best, metric) {
  const line = 24;
  const longest = Math.max(0, ...rows.map(([name]) => name.length));
  const [right, width] = [20, widthOf(860)];
  const left = Math.min(width / 2, 30 + 7 * longest); // about 7 units a letter
  const values = [...rows, ...references].flatMap(([, cell]) => [100 * cell.values[metric.key][0], ...runScores(cell, metric)]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = scale([low - (high - low) * 0.04, high + (high - low) * 0.04 + 0.1], [left, width - right]);
  const height = rows.length * line + 40 + 13 * references.length;
  const chart = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${metric.title}, best first: ${[...rows, ...references].map(([name, cell]) => `${name} ${percent(cell.values[metric.key][0])}`).join(", ")}` });
  const bottom = rows.length * line + 8;
  for (const value of ticks(low, high, Math.round(width / 108))) {
    chart.append(s("line", { x1: x(value), x2: x(value), y1: 4, y2: bottom, class: "rule" }),
      s("text", { x: x(value), y: bottom + 14, "text-anchor": "middle", class: "faint" }, round(value)));
  }
  references.forEach(([name, cell], i) => {
    const at = x(100 * cell.values[metric.key][0]);
    chart.append(s("line", { x1: at, x2: at, y1: 4, y2: bottom, stroke: "currentColor", "stroke-dasharray": "2 3" }),
      s("text", { x: at, y: bottom + 28 + 13 * i, "text-anchor": at > width - 60 ? "end" : "middle", class: "faint" }, name));
  });
  const top = best ? 100 * best[1].values[metric.key][0] : null;
  if (best) chart.append(s("line", { x1: x(top), x2: x(top), y1: 4, y2: bottom, stroke: "currentColor", "stroke-dasharray": "6 4" }));
  const marks = s("g", { "aria-hidden": "true", class: "marks" });
  rows.forEach(([name, cell], i) => {
    const y = i * line + 18;
    const mean = 100 * cell.values[metric.key][0];
    const gap = cell.to_best[metric.key];
    const [from, to] = gap ? gap.slice(1).map((one) => Math.min(width - right, Math.max(left, x(top + 100 * one)))) : [];
    const mark = cell.silent ? " ∅" : cell.best.includes(metric.key) ? " *" : cell.tied.includes(metric.key) ? " ≈" : "";
    chart.append(s("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, name + mark));
    if (gap) marks.append(s("rect", { x: from, width: Math.max(1, to - from), y: y - 7, height: 14, fill: "currentColor", opacity: 0.1 }));
    marks.append(...runScores(cell, metric).map((value) => s("circle", { cx: x(value), cy: y, r: 3, fill: rowColour(name), opacity: 0.7 })),
      s("rect", { x: x(mean) - 2, y: y - 8, width: 4, height: 16, fill: cell.competes ? rowColour(name) : "none", stroke: rowColour(name) }, s("title", {}, `${name}: ${round(mean)}`)));
  });
  chart.append(marks);
  return chart;
}

function runScores(cell, metric) {
  return cell.runs.map((run) => run.scores[metric.key]).filter((value) => value !== null && value !== undefined).map((value) => 100 * value);
}

function rowColour(name) {
  return STATE.board.rows.find((one) => one.key === name).colour || "currentColor";
}
