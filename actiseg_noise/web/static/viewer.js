// The clip viewer: two panels on one frame, each with the masks of one source.

const PLAY_MS = 250;
const ONLY_LEFT = [230, 97, 0, 190];
const ONLY_RIGHT = [93, 58, 155, 190];
const NO_FRAME = { id: "", height: null, width: null, picture: null, void: null, masks: {} };
const BOTH = [200, 200, 200, 110];
const NO_LABEL = [150, 150, 150, 200];

/** Return an object's colour as [red, green, blue]. */
function rgb(colour) {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}

class Viewer {
  /**
   * clips: [{id, note, place}] of all clips, in the order of the list; place is where the clip is packed.
   * sourcesOf: clip → [{key, label, counts(frame, objectId), score(frame, objectId)}]. The first is the truth that IoU is of.
   * chosen: the keys of the two sources that are shown; onChosen is called when somebody takes others.
   */
  constructor(place, clips, sourcesOf, chosen = ["clean", "given"], onChosen = () => {}) {
    this.all = clips;
    this.clips = clips;
    this.onChosen = onChosen;
    this.sourcesOf = sourcesOf;
    this.chosen = [...chosen];
    this.frame = 0;
    this.shown = "masks";
    this.timer = null;
    this.asked = 0;
    this.list = h("ul", { class: "clip-list", "aria-label": "clips" });
    this.stopAt = oneStop(this.list);
    this.count = h("p", { class: "note", role: "status" });
    this.head = h("div", {});
    this.panels = [0, 1].map((i) => this.makePanel(i));
    this.range = h("input", { type: "range", min: 0, value: 0, "aria-label": "frame", input: () => this.show(Number(this.range.value)), focus: () => this.hush(), blur: () => this.hush() });
    this.where = h("output", { "aria-live": "polite" });
    this.play = h("button", { type: "button", click: () => this.toggle() }, "Play");
    this.tools = h("div", { class: "row tools", role: "group", "aria-label": "what is drawn" },
      ["masks", "outlines", "difference", "frame"].map((name) => this.makeTool(name)));
    this.table = h("div", { class: "scroll" });
    const body = h("div", {}, this.head, this.tools,
      h("div", { class: "panels" }, this.panels.map((panel) => panel.figure)),
      h("div", { class: "scrub" }, this.play,
        h("button", { type: "button", "aria-label": "frame before", click: () => this.step(-1) }, "‹"),
        h("button", { type: "button", "aria-label": "next frame", click: () => this.step(1) }, "›"), this.range, this.where),
      this.table);
    place.append(h("div", { class: "viewer" }, h("div", { class: "clips" }, this.count, this.list), body));
    this.fillList();
  }

  makePanel(i) {
    const image = h("img", { alt: "", hidden: true });
    const blank = h("div", { class: "empty" });
    const canvas = h("canvas", { role: "img" });
    const choice = h("span", {});
    const figure = h("figure", { class: "panel", id: `panel-${i}` }, h("figcaption", {}, choice),
      h("div", { class: "stage" }, image, blank, canvas));
    return { image, blank, canvas, choice, figure };
  }

  makeTool(name) {
    return h("button", { type: "button", "aria-pressed": String(name === this.shown), "data-draw": name, click: () => {
      this.shown = name;
      for (const one of this.tools.children) one.setAttribute("aria-pressed", String(one.dataset.draw === name));
      this.draw();
    } }, name);
  }

  /** Show only these clips, in this order. */
  setClips(clips) {
    this.clips = clips;
    this.fillList();
  }

  fillList() {
    refill(this.list, ...this.clips.map((clip) => h("li", {}, h("button", {
      type: "button", "data-clip": clip.id, click: () => this.open(clip.id),
    }, clip.id, h("span", { class: "why" }, clip.note || "")))));
    if (!this.clips.length) this.list.append(h("li", { class: "note" }, "no clip of these"));
    const count = `${this.clips.length} of ${this.all.length} clips`;
    if (this.count.textContent !== count) this.count.textContent = count;
    this.markCurrent();
  }

  /** Say which clip of the list is open; the Tab key stops there. */
  markCurrent() {
    const buttons = [...this.list.querySelectorAll("button")];
    const isOpen = (button) => this.clip !== undefined && button.dataset.clip === this.clip.id;
    for (const one of buttons) one.setAttribute("aria-current", String(isOpen(one)));
    if (!this.list.contains(document.activeElement)) this.stopAt(buttons.find(isOpen) || buttons[0]);
  }

  /** Open a clip by its id, listed or not; resolves when it is drawn. An id that is not there opens the first one. */
  async open(id, frameId = null) {
    const entry = this.all.find((clip) => clip.id === id) || this.clips[0] || this.all[0];
    if (!entry) return;
    const asked = ++this.asked;
    const clip = await unpack(entry.place);
    if (asked !== this.asked) return;
    this.clip = clip;
    this.markCurrent();
    this.showCurrent();
    this.frame = Math.max(0, clip.frames.findIndex((frame) => frame.id === frameId));
    this.range.max = Math.max(0, clip.frames.length - 1);
    this.refresh();
  }

  /** Read the sources of the open clip again, and draw. */
  refresh() {
    if (!this.clip) return;
    this.sources = this.sourcesOf(this.clip);
    this.chosen = this.chosen.map((key, i) => this.sources.some((one) => one.key === key) ? key : this.sources[Math.min(i, this.sources.length - 1)].key);
    this.panels.forEach((panel, i) => panel.choice.replaceChildren(chooser(`masks of panel ${i + 1}`,
      this.sources.map((one) => [one.key, one.label]), this.chosen[i], (key) => { this.chosen[i] = key; this.draw(); this.onChosen(); })));
    const given = this.clip.given_narration;
    this.head.replaceChildren(h("h3", {}, this.clip.id), h("p", {}, `narration: ${this.clip.narration}`,
      given === this.clip.narration ? null : h("span", { class: "changed" }, ` → given: ${given}`)));
    this.draw();
  }

  /** Move the list, and not the page, to where the open clip is seen. */
  showCurrent() {
    const button = this.list.querySelector('[aria-current="true"]');
    if (!button) return;
    const [list, place] = [this.list, button].map((one) => one.getBoundingClientRect());
    if (place.top < list.top || place.bottom > list.bottom) this.list.scrollTop += place.top - list.top - (list.height - place.height) / 2;
  }

  step(by) {
    this.show(Math.max(0, Math.min(this.frame + by, this.clip.frames.length - 1)));
  }

  show(frame) {
    this.frame = frame;
    this.draw();
  }

  toggle() {
    const playing = this.timer !== null;
    clearInterval(this.timer);
    this.timer = playing ? null : setInterval(() => this.show((this.frame + 1) % Math.max(1, this.clip.frames.length)), PLAY_MS);
    this.play.textContent = playing ? "Play" : "Pause";
    this.hush();
  }

  /** Announce no frame while the clip plays, four a second, nor where the slider says it itself. */
  hush() {
    const isSaid = this.timer !== null || document.activeElement === this.range;
    this.where.setAttribute("aria-live", isSaid ? "off" : "polite");
  }

  source(i) {
    return this.sources.find((one) => one.key === this.chosen[i]);
  }

  draw() {
    if (!this.clip) return;
    const frame = this.clip.frames[this.frame] || NO_FRAME;
    this.range.value = this.frame;
    this.range.setAttribute("aria-valuetext", `frame ${frame.id}`);
    this.where.textContent = frame === NO_FRAME ? "no frames" : `frame ${frame.id} · ${this.frame + 1} of ${this.clip.frames.length}`;
    writeAddress({ clip: this.clip.id, frame: frame.id, a: this.chosen[0], b: this.chosen[1] });
    this.panels.forEach((panel, i) => this.drawPanel(panel, i, frame));
    this.drawTable(frame);
  }

  drawPanel(panel, i, frame) {
    panel.image.hidden = frame.picture === null;
    panel.blank.hidden = frame.picture !== null;
    if (frame.picture !== null) panel.image.src = addressOf(frame.picture);
    panel.canvas.hidden = frame.height === null;
    if (frame.height === null) return;
    panel.blank.style.aspectRatio = `${frame.width} / ${frame.height}`;
    panel.canvas.width = frame.width;
    panel.canvas.height = frame.height;
    panel.canvas.setAttribute("aria-label", this.describePanel(i, frame));
    const pixels = new Uint32Array(frame.height * frame.width); // column by column, as masks are
    if (this.shown === "difference") this.paintDifference(pixels, frame);
    else if (this.shown !== "frame") this.paintMasks(pixels, frame, this.source(i));
    const shown = new Uint8ClampedArray(rowByRow(pixels, frame.height, frame.width).buffer);
    panel.canvas.getContext("2d").putImageData(new ImageData(shown, frame.width, frame.height), 0, 0);
  }

  /** Say in words what a panel shows: how much of the frame each object covers there. */
  describePanel(i, frame) {
    if (this.shown === "frame") return `frame ${frame.id} without masks`;
    const labels = [0, 1].map((one) => this.source(one).label);
    if (this.shown === "difference") return `difference of ${labels.join(" and ")}, frame ${frame.id}`;
    const source = this.source(i);
    const objects = this.clip.objects.map((object) => {
      const area = areaOf(readSpans(source.counts(frame, object.id)));
      return `${object.id}, ${object.noun}: ${area ? `${percent(area / (frame.height * frame.width))} % of the frame` : "no mask"}`;
    });
    return `${source.label}, frame ${frame.id}. ${objects.join("; ")}`;
  }

  paintMasks(pixels, frame, source) {
    for (const object of this.clip.objects) {
      const colour = rgb(object.colour);
      const inside = this.shown === "outlines" ? 0 : object.positive ? 130 : 50;
      paintMask(pixels, source.counts(frame, object.id), frame, pixelOf([...colour, inside]), pixelOf([...colour, 255]));
    }
    paintStripes(pixels, frame.void, frame.height);
  }

  paintDifference(pixels, frame) {
    for (const object of this.clip.objects) {
      const [left, right] = [0, 1].map((i) => readSpans(this.source(i).counts(frame, object.id)));
      fillSpans(pixels, left, ONLY_LEFT);
      fillSpans(pixels, right, ONLY_RIGHT);
      fillSpans(pixels, commonSpans(left, right), BOTH);
    }
  }

  drawTable(frame) {
    const truth = this.sources[0];
    const shown = [...new Set([0, 1].map((i) => this.source(i)))];
    const held = shown.filter((source) => source !== truth);
    const scored = shown.filter((source) => source.score);
    const rows = this.clip.objects.map((object) => h("tr", {},
      h("th", { scope: "row" }, h("span", { class: "swatch", style: { background: object.colour } }), String(object.id)),
      h("td", { class: "prompt" }, object.prompt, object.given.prompt === object.prompt ? null
        : h("span", { class: "changed" }, h("br"), `given: ${object.given.prompt}`)),
      h("td", { class: "text" }, object.positive ? "yes" : "no", object.given.positive === object.positive ? null
        : h("span", { class: "changed" }, ` → ${object.given.positive ? "yes" : "no"}`)),
      held.map((source) => h("td", {}, iouText(frame, object, truth, source))),
      scored.map((source) => h("td", {}, percent(source.score(frame, object.id))))));
    const heads = ["object", "prompt", "takes part", ...held.map((one) => `IoU ${one.label}`), ...scored.map((one) => `score ${one.label}`)];
    const legend = this.shown === "difference" ? "Orange: left alone. Violet: right alone. Grey: both. " : "";
    const what = held.length ? `IoU × 100 with the ${truth.label} masks of this frame` : "";
    const scores = scored.length ? "; score × 100: how sure the network is that the object takes part" : "";
    this.table.replaceChildren(h("table", {}, h("caption", {}, legend + what + scores),
      h("thead", {}, h("tr", {}, heads.map((name, i) => h("th", { scope: "col", class: i < 3 ? "text" : null }, name)))),
      h("tbody", {}, rows)));
  }
}

function iouText(frame, object, truth, source) {
  if (frame.height === null) return "–";
  const [both, any] = overlapOf(...[truth, source].map((one) => one.counts(frame, object.id)));
  return any ? percent(both / any) : "–";
}

/** Return [red, green, blue, alpha] as one number, as a canvas keeps it in memory. */
function pixelOf(colour) {
  return new Uint32Array(new Uint8Array(colour).buffer)[0];
}

function fillSpans(pixels, spans, colour) {
  for (const [start, stop] of spans) pixels.fill(pixelOf(colour), start, stop);
}

/** Colour a mask; what is on its outline has a neighbour outside, or is on the frame's border. */
function paintMask(pixels, counts, { height, width }, inside, outline) {
  const mask = decodeMask(counts, height, width);
  const last = mask.length - height; // the last column's first pixel
  for (const [start, stop] of readSpans(counts)) {
    for (let place = start; place < stop; place++) {
      const row = place % height;
      const isInner = row > 0 && row < height - 1 && place >= height && place < last &&
        mask[place - 1] + mask[place + 1] + mask[place - height] + mask[place + height] === 4;
      pixels[place] = isInner ? inside : outline;
    }
  }
}

/** Draw the pixels without label. */
function paintStripes(pixels, counts, height) {
  const stripe = pixelOf(NO_LABEL);
  for (const [start, stop] of readSpans(counts)) {
    for (let place = start; place < stop; place++) {
      pixels[place] = ((place % height) + Math.floor(place / height)) % 8 < 4 ? stripe : 0;
    }
  }
}

const CLEAN = { key: "clean", label: "clean", counts: (frame, id) => (frame.masks[id] || [null])[0] };
const GIVEN = { key: "given", label: "given", counts: (frame, id) => { const [clean, given] = frame.masks[id] || [null, null]; return given === null ? clean : given; } };
