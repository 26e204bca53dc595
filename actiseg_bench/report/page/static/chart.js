// Charts as SVG: scales, axes, lines. All sizes in the units of the drawing, which is as wide as its place allows.

/** Return a function from values to positions. */
function scale([low, high], [from, to]) {
  if (high === low) return () => (from + to) / 2;
  return (value) => from + ((value - low) / (high - low)) * (to - from);
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

/** Return a value with three digits. */
function short(value) {
  return String(Number(value.toPrecision(3)));
}

/** Return how wide a chart may be that is at most so wide, in units of 1 px, so that its letters are as large as the page's. */
function widthOf(most) {
  return Math.max(300, Math.min(most, document.body.clientWidth - 24));
}

/**
 * Return a line chart: series of {name, colour, dashed, points: [[x, y]], band: [[x, low, high]]}, y in per cent.
 * Every series has a title that a pointer shows; the numbers are under the chart for whoever cannot see or point.
 */
function lineChart({ title, xTitle, series }) {
  const [width, height] = [widthOf(520), 260];
  const known = series.filter((one) => one.points.length);
  if (!known.length) return h("p", { class: "note" }, `${title}: ${series.length ? "nothing was recorded" : "no row is switched on"}.`);
  const xs = known.flatMap((one) => one.points.map((p) => p[0]));
  const ys = known.flatMap((one) => [...one.points.map((p) => p[1]), ...(one.band || []).flatMap((b) => b.slice(1))]);
  const margin = { left: 38, right: 8, top: 8, bottom: 34 };
  const x = scale([Math.min(...xs), Math.max(...xs)], [margin.left, width - margin.right]);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const y = scale([low, high], [height - margin.bottom, margin.top]);
  const chart = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${title}, lines; the numbers are in the table below` });
  for (const value of ticks(low, high)) {
    chart.append(s("line", { x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value), class: "rule" }),
      s("text", { x: margin.left - 5, y: y(value) + 4, "text-anchor": "end", class: "faint" }, short(value)));
  }
  for (const value of ticks(Math.min(...xs), Math.max(...xs))) {
    chart.append(s("text", { x: x(value), y: height - margin.bottom + 16, "text-anchor": "middle", class: "faint" }, short(value)));
  }
  chart.append(s("text", { x: (margin.left + width) / 2, y: height - 3, "text-anchor": "middle", class: "faint" }, xTitle));
  const marks = s("g", { "aria-hidden": "true", class: "marks" }); // a title on each is for pointers
  for (const one of known) {
    if (one.band && one.band.length > 1) {
      const up = one.band.map(([at, , top]) => `${x(at)},${y(top)}`);
      const down = [...one.band].reverse().map(([at, bottom]) => `${x(at)},${y(bottom)}`);
      marks.append(s("polygon", { points: [...up, ...down].join(" "), fill: one.colour, opacity: 0.12 }));
    }
    const line = one.points.map(([at, value]) => `${x(at)},${y(value)}`).join(" ");
    marks.append(s("polyline", { points: line, fill: "none", stroke: one.colour, "stroke-width": 1.8, "stroke-dasharray": one.dashed ? "5 3" : null }, s("title", {}, one.name)));
    for (const [at, value] of one.points) {
      marks.append(s("circle", { cx: x(at), cy: y(value), r: 2.6, fill: one.colour }, s("title", {}, `${one.name}: ${short(value)} at ${round(at)}`)));
    }
  }
  chart.append(marks);
  return h("figure", {}, h("figcaption", {}, title), chart, numbersOf(title, xTitle, known));
}

/** Return the numbers of a chart as a table, which is made when it is opened. */
function numbersOf(title, xTitle, series) {
  const place = h("div", { class: "scroll" });
  return h("details", { toggle: () => {
    if (place.firstChild) return;
    const at = [...new Set(series.flatMap((one) => one.points.map(([x]) => x)))].sort((one, other) => one - other);
    place.append(h("table", {}, h("caption", { class: "hidden" }, title),
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "text" }, xTitle), at.map((x) => h("th", { scope: "col" }, round(x))))),
      h("tbody", {}, series.map((one) => {
        const values = new Map(one.points);
        return h("tr", {}, h("th", { scope: "row" }, one.name), at.map((x) => h("td", {}, values.has(x) ? short(values.get(x)) : "–")));
      }))));
  } }, h("summary", {}, "Numbers"), place);
}

/** Return a list of names and colours that switches rows off and on, one by one or all of them. */
function legend(rows, hidden, onChange) {
  const change = (act) => () => { act(); onChange(); };
  const some = rows.some((row) => hidden.has(row.key));
  const all = some ? () => hidden.clear() : () => rows.forEach((row) => hidden.add(row.key));
  const swatch = (row) => h("span", { class: "swatch", style: row.dashed ? { border: `2px dashed ${row.colour}` } : { background: row.colour } });
  return h("ul", { class: "legend", "aria-label": "rows that are drawn" }, rows.map((row) => h("li", {}, h("button", {
    type: "button", "aria-pressed": String(!hidden.has(row.key)), click: change(() => { if (!hidden.delete(row.key)) hidden.add(row.key); }),
  }, swatch(row), row.key))), rows.length > 1 ? h("li", { class: "hint" }, h("button", { type: "button", "data-all": String(some), "aria-label": some ? "draw all rows" : "draw none of the rows", click: change(all) }, some ? "all" : "none")) : null);
}

function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
