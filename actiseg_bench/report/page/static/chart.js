// Charts as SVG: scales, axes, lines. All sizes in the units of the drawing, which is as wide as its place allows.

/** Return a function from values to positions. */
function scale([low, high], [from, to]) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

/** Return about `count` round values between two. */
function ticks(low, high, count = 5) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((one) => one >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

function round(value) {
  return String(Math.round(value * 10) / 10);
}

/**
 * Return a line chart: series of {name, colour, dashed, points: [[x, y]], band: [[x, low, high]]}, y in per cent.
 * Every series has a title that a pointer shows.
 */
function lineChart({ title, xTitle, series }) {
  const [width, height] = [520, 260];
  const known = series.filter((one) => one.points.length);
  if (!known.length) return h("p", { class: "note" }, `${title}: nothing was recorded.`);
  const xs = known.flatMap((one) => one.points.map((p) => p[0]));
  const ys = known.flatMap((one) => [...one.points.map((p) => p[1]), ...(one.band || []).flatMap((b) => b.slice(1))]);
  const margin = { left: 38, right: 8, top: 8, bottom: 34 };
  const x = scale([Math.min(...xs), Math.max(...xs)], [margin.left, width - margin.right]);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const y = scale([low, high], [height - margin.bottom, margin.top]);
  const chart = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });
  for (const value of ticks(low, high)) {
    chart.append(s("line", { x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value), class: "rule" }),
      s("text", { x: margin.left - 5, y: y(value) + 4, "text-anchor": "end", class: "faint" }, round(value)));
  }
  for (const value of ticks(Math.min(...xs), Math.max(...xs))) {
    chart.append(s("text", { x: x(value), y: height - margin.bottom + 16, "text-anchor": "middle", class: "faint" }, round(value)));
  }
  chart.append(s("text", { x: (margin.left + width) / 2, y: height - 3, "text-anchor": "middle", class: "faint" }, xTitle));
  for (const one of known) {
    if (one.band && one.band.length > 1) {
      const up = one.band.map(([at, , top]) => `${x(at)},${y(top)}`);
      const down = [...one.band].reverse().map(([at, bottom]) => `${x(at)},${y(bottom)}`);
      chart.append(s("polygon", { points: [...up, ...down].join(" "), fill: one.colour, opacity: 0.12 }));
    }
    const line = one.points.map(([at, value]) => `${x(at)},${y(value)}`).join(" ");
    chart.append(s("polyline", { points: line, fill: "none", stroke: one.colour, "stroke-width": 1.8, "stroke-dasharray": one.dashed ? "5 3" : null }, s("title", {}, one.name)));
    for (const [at, value] of one.points) {
      chart.append(s("circle", { cx: x(at), cy: y(value), r: 2.6, fill: one.colour }, s("title", {}, `${one.name}: ${round(value)} at ${round(at)}`)));
    }
  }
  return h("figure", {}, h("figcaption", {}, title), chart);
}

/** Return a list of names and colours that switches rows off and on. */
function legend(rows, hidden, onChange) {
  return h("ul", { class: "legend", "aria-label": "rows that are drawn" }, rows.map((row) => h("li", {}, h("button", {
    type: "button", "aria-pressed": String(!hidden.has(row.key)),
    click: () => { if (!hidden.delete(row.key)) hidden.add(row.key); onChange(); },
  }, h("span", { class: "swatch", style: { background: row.colour } }), row.key))));
}

function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
