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

/** Write names and values after `#`, so that the address leads back here; no step in the browser's history. */
function writeAddress(values) {
  const all = new URLSearchParams({ ...readAddress(), ...values });
  history.replaceState(null, "", `#${all}`);
}

/** Return a share as a percentage with one digit, or a dash. */
function percent(value) {
  return value === null || value === undefined ? "–" : (100 * value).toFixed(1);
}
