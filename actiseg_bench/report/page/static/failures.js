// What gIoU is lost to, and the failure modes; a click lists the clips.

function drawFailures(place, state) {
  const { board, track } = state;
  const rows = Object.entries(board.cells[track.name]).filter(([, cell]) => !cell.reference && cell.runs.length);
  refill(place,
    failureTable(rows.filter(([, cell]) => cell.losses), board.causes, (cell) => cell.losses,
      `Points of gIoU that are lost, × 100, on ${track.name}: a row's cells add up to 100 - gIoU.`, () => null),
    failureTable(rows, board.modes, (cell) => cell.modes,
      "Failure modes, %, as the metrics page defines them: of the objects that were hit at all; missed: of the visible ones that take part.",
      (mode) => (DATA.shown.includes(mode) ? (row) => showFailures(row, mode) : null)));
}

function failureTable(rows, columns, valuesOf, caption, actionOf) {
  if (!rows.length) return h("p", { class: "note" }, "No table of object-frames could be read.");
  const keys = Object.keys(columns);
  const most = Math.max(...rows.flatMap(([, cell]) => keys.map((key) => valuesOf(cell)[key] || 0)), 1e-9);
  const table = h("table", {}, h("caption", {}, caption, keys.some(actionOf) ? h("span", { class: "hint" }, " Click for the clips; arrow keys move between the numbers.") : null),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "text" }, "strategy"), keys.map((key) => h("th", { scope: "col" }, columns[key].split(":")[0])))),
    h("tbody", {}, rows.map(([row, cell]) => h("tr", {}, h("th", { scope: "row" }, row), keys.map((key) => {
      const value = valuesOf(cell)[key];
      const action = actionOf(key);
      const text = percent(value);
      const element = h("td", { class: "bar" }, action && value ? h("button", { type: "button", title: `clips of ${row}: ${columns[key].split(":")[0]}`, "data-mode": key, "data-row": row, click: () => action(row) }, text) : text);
      element.style.setProperty("--part", `${(100 * (value || 0)) / most}%`);
      return element;
    })))));
  oneStop(table)(table.querySelector("button"));
  return h("div", { class: "scroll" }, table);
}
