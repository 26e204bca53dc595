// The page of one manifest: clean labels against given ones.

const FILTERS = {
  all: ["all clips", () => true],
  text: ["wrong prompt", (clip) => clip.text > 0],
  narration: ["other narration", (clip) => clip.narration],
  flag: ["wrong flag", (clip) => clip.flag > 0],
  mask: ["changed mask", (clip) => clip.iou < 1],
};

const address = readAddress();
const viewer = new Viewer(document.getElementById("clips"), DATA.clips, () => [CLEAN, GIVEN], [address.a || "clean", address.b || "given"]);
const search = h("input", { type: "search", placeholder: "clip, noun or prompt", "aria-label": "find clips", input: () => apply() });
let filter = "all";

function apply() {
  const wanted = search.value.trim().toLowerCase();
  viewer.setClips(DATA.clips.filter((clip) => FILTERS[filter][1](clip) && clip.words.includes(wanted)));
}

const kinds = Object.entries(FILTERS).filter(([, [, matches]]) => DATA.clips.some(matches));
const buttons = kinds.map(([key, [label]]) => h("button", { type: "button", "data-filter": key, "aria-pressed": String(key === filter), click: () => {
  filter = key;
  for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.filter === key));
  apply();
} }, label));
document.getElementById("filters").append(...buttons, search);
viewer.open(address.clip, address.frame);
