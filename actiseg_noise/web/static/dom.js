// Elements, the page's data, and its address.

/** Return a new element: attributes by name (functions are event listeners), then children. */
function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Return a new SVG element. */
function s(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (key === "style") Object.assign(element.style, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Put new children in place of the old; the keyboard stays where it was, on what stands there now. */
function refill(place, ...children) {
  const reached = () => [...place.querySelectorAll("button, select, input, summary")];
  const at = reached().indexOf(document.activeElement);
  place.replaceChildren(...children);
  if (at >= 0) (reached()[at] || reached().at(-1))?.focus({ preventScroll: true });
}

/**
 * Make the buttons of a table or a list one stop of the Tab key: arrows, Home and End move between them. Returns what puts the stop
 * at a button; a button that is reached in any way becomes the stop.
 */
function oneStop(place) {
  const lines = () => [...place.querySelectorAll("tr, li")].map((line) => [...line.querySelectorAll("button")]).filter((line) => line.length);
  const stopAt = (button) => place.querySelectorAll("button").forEach((one) => { one.tabIndex = one === button ? 0 : -1; });
  place.addEventListener("focusin", (event) => { if (event.target.matches("button")) stopAt(event.target); });
  place.addEventListener("keydown", (event) => {
    const next = event.altKey || event.ctrlKey || event.metaKey ? null : neighbourOf(lines(), event.target.closest("button"), event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  return stopAt;
}

/** Return the button that a key leads to from another one, up and down in the same column; nothing where there is none. */
function neighbourOf(lines, button, key) {
  const row = lines.findIndex((line) => line.includes(button));
  if (row < 0) return null;
  const columnOf = (one) => { const cell = one.closest("td, th"); return cell ? cell.cellIndex : 0; };
  const inColumn = (others) => others.map((line) => line.find((one) => columnOf(one) === columnOf(button))).find(Boolean);
  const along = button.closest("li") ? lines.flat() : lines[row]; // a list has one button a line
  switch (key) {
    case "ArrowLeft": return lines[row][lines[row].indexOf(button) - 1];
    case "ArrowRight": return lines[row][lines[row].indexOf(button) + 1];
    case "ArrowUp": return inColumn(lines.slice(0, row).reverse());
    case "ArrowDown": return inColumn(lines.slice(row + 1));
    case "Home": return along[0];
    case "End": return along.at(-1);
    default: return null;
  }
}

/** Tell who does not see the page what has changed on it. */
function say(text) {
  document.getElementById("said").textContent = text;
}

/** Show a section, and read on from its heading. */
function goTo(section) {
  section.scrollIntoView();
  section.querySelector("h2").focus({ preventScroll: true });
}

/** Let the keyboard reach what is wider than its place, by the name of its table; what fits, or has buttons to stop at, is no stop. */
function nameScrolled() {
  for (const place of document.querySelectorAll(".scroll")) {
    const isStop = place.scrollWidth > place.clientWidth && !place.querySelector("button");
    const name = place.querySelector("caption")?.textContent || "table";
    const attributes = isStop ? { tabindex: "0", role: "group", "aria-label": name } : { tabindex: null, role: null, "aria-label": null };
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null) place.removeAttribute(key);
      else if (place.getAttribute(key) !== value) place.setAttribute(key, value);
    }
  }
}

let isNaming = false;
function nameScrolledSoon() {
  if (!isNaming) requestAnimationFrame(() => { isNaming = false; nameScrolled(); });
  isNaming = true;
}
new MutationObserver(nameScrolledSoon).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", nameScrolledSoon);
addEventListener("toggle", nameScrolledSoon, true);
nameScrolledSoon();

/** Return a drop-down list of [value, label] pairs. */
function chooser(label, choices, chosen, onChange) {
  const options = choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text));
  return h("select", { "aria-label": label, change: (event) => onChange(event.target.value) }, options);
}

const DATA = JSON.parse(document.getElementById("data").textContent);
const unpacked = new Map();

/** Return what was packed at a position, unpacked once. */
function unpack(place) {
  if (!unpacked.has(place)) {
    const text = document.querySelectorAll("script.packed")[place].textContent;
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpacked.set(place, new Response(stream).json());
  }
  return unpacked.get(place);
}

const PICTURES = document.querySelectorAll("script.picture");

/** Return the address of a picture: of one that the page holds, by its place, or the one that is given. */
function addressOf(picture) {
  return typeof picture === "number" ? PICTURES[picture].textContent : picture;
}

/** Return the names and values after `#`; a name alone, as in a link to a section, is none. */
function readAddress() {
  return Object.fromEntries([...new URLSearchParams(location.hash.slice(1))].filter(([, value]) => value));
}

// An address that is typed or followed says what to show: the page is read again. What the page writes is no such event.
addEventListener("hashchange", () => location.reload());

/** Write names and values after `#`, so that the address leads back here, null for none; no step in the browser's history. */
function writeAddress(values) {
  const all = new URLSearchParams(Object.entries({ ...readAddress(), ...values }).filter(([, value]) => value));
  history.replaceState(null, "", `#${all}`);
}

/** Return a share as a percentage with one digit, or a dash. */
function percent(value) {
  return value === null || value === undefined ? "–" : (100 * value).toFixed(1);
}
