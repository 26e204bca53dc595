// The clips: found by what went wrong in them, shown with the masks of any two rows.

// What is looked for: its name, and the word before its value in the list.
const KINDS = {
  gap: ["largest gap between the two rows", "gap"],
  worst: ["worst of the second row", "gIoU"],
  best: ["best of the second row", "gIoU"],
  boundary_leakage: ["boundary leakage", "boundary leakage"],
  boundary_loss: ["boundary loss", "boundary loss"],
  mislocalization: ["mislocalised", "mislocalised"],
  identity_substitution: ["identity substituted", "identity substituted"],
  missed: ["missed", "missed"],
  memorised: ["memorised the noise: training clips", ""],
  name: ["by name", ""],
};
const OF_TRAINING = DATA.clips.some((clip) => clip.training);

class ClipSection {
  constructor(state) {
    this.state = state;
    const address = readAddress();
    if (!OF_TRAINING) delete KINDS.memorised;
    this.kind = Object.hasOwn(KINDS, address.find || "") ? address.find : "gap";
    this.noun = "";
    this.only = "";
    const chosen = [address.a || "clean", address.b || this.firstRow()];
    this.viewer = new Viewer(document.getElementById("clips-body"), DATA.clips, (clip) => this.sourcesOf(clip), chosen, () => this.apply());
    this.search = h("input", { type: "search", placeholder: "clip, narration or noun", "aria-label": "find clips", input: () => this.apply() });
    this.nouns = [...new Set(DATA.clips.flatMap((clip) => clip.nouns))].sort();
    this.drawFilters();
    this.apply();
    this.viewer.open(address.clip, address.frame);
  }

  /** Return the row that is shown first: the best that competes, in the chosen metric. */
  firstRow() {
    const { board, track, metric } = this.state;
    const value = (row) => board.cells[track.name][row].values[metric.key][0] * (metric.lower ? -1 : 1);
    const rows = this.rows();
    const methods = rows.filter((row) => board.cells[track.name][row].competes).sort((one, other) => value(other) - value(one));
    return methods[0] || rows[0] || "clean";
  }

  /** Return the rows that have predictions on the chosen track. */
  rows() {
    const found = new Set(DATA.clips.flatMap((clip) => Object.keys(clip.scores[this.state.track.name] || {})));
    return this.state.board.rows.map((row) => row.key).filter((row) => found.has(row));
  }

  sourcesOf(clip) {
    const changed = clip.frames.some((frame) => Object.values(frame.masks).some((pair) => pair[1] !== null));
    const of = clip.predictions[this.state.track.name] || {};
    const rows = this.rows().filter((row) => of[row]).map((row) => ({
      key: row,
      label: row,
      counts: (frame, id) => ((of[row][frame.index] || { masks: {} }).masks[id] || null),
      score: (frame, id) => ((of[row][frame.index] || { scores: {} }).scores[id]),
    }));
    return [CLEAN, ...(changed ? [GIVEN] : []), ...rows];
  }

  drawFilters() {
    document.getElementById("clip-filters").replaceChildren(
      h("label", {}, "find ", chooser("clips to find", Object.entries(KINDS).map(([kind, [label]]) => [kind, label]), this.kind, (kind) => this.look(kind))),
      chooser("noun", [["", "any noun"], ...this.nouns.map((noun) => [noun, noun])], this.noun, (noun) => { this.noun = noun; this.apply(); }),
      chooser("hands or objects", [["", "hands and objects"], ["hand", "with hands"], ["object", "without hands"]], this.only, (only) => { this.only = only; this.apply(); }),
      this.search);
  }

  /** Look for something else; of training clips, which are no others, the first is opened. */
  look(kind) {
    const moves = (kind === "memorised") !== (this.kind === "memorised");
    this.kind = kind;
    this.apply();
    if (moves && this.viewer.clips.length) this.viewer.open(this.viewer.clips[0].id);
  }

  /** Return how many of how many wrong labels the second row gives back on a training clip, null where nothing is known. */
  memorised(clip) {
    return (clip.training && clip.training.memorised[this.viewer.chosen[1]]) || null;
  }

  /** Say whether a clip is among those that are looked through: training clips of the track where those are asked for. */
  isMeant(clip) {
    if (this.kind === "memorised") return this.memorised(clip) !== null && clip.training.track === this.state.track.name;
    return !clip.training || (this.kind === "name" && clip.training.track === this.state.track.name);
  }

  /** Return a clip's value of what is looked for, null where it has none. */
  valueOf(clip) {
    if (this.kind === "memorised") return this.memorised(clip)[0] / this.memorised(clip)[1];
    const of = clip.scores[this.state.track.name] || {};
    const at = (row, name) => (of[row] ? of[row][DATA.shown.indexOf(name)] : name === "giou" ? (row === "clean" ? 1 : null) : null);
    const [left, right] = this.viewer.chosen;
    if (this.kind === "worst" || this.kind === "best") return at(right, "giou");
    if (this.kind !== "gap") return at(right, this.kind);
    const [one, other] = [at(left, "giou"), at(right, "giou")];
    return one === null || other === null ? null : Math.abs(one - other);
  }

  apply() {
    const wanted = this.search.value.trim().toLowerCase();
    const clips = DATA.clips.filter((clip) => this.isMeant(clip) && clip.words.includes(wanted) && (!this.noun || clip.nouns.includes(this.noun)) &&
      (!this.only || clip.hands === (this.only === "hand")));
    this.viewer.setClips(this.kind === "name" ? clips : this.ordered(clips));
    writeAddress({ find: this.kind });
  }

  /** Return clips that have what is looked for, most of it first, each with a note of how much. */
  ordered(clips) {
    const isMode = this.kind in BOARD.modes || this.kind === "memorised";
    const noteOf = (clip, value) => this.kind === "memorised" ? `${this.memorised(clip).join(" of ")} wrong labels given back` : `${KINDS[this.kind][1]} ${percent(value)}`;
    const sign = this.kind === "worst" ? 1 : -1;
    return clips.map((clip) => [clip, this.valueOf(clip)])
      .filter(([, value]) => value !== null && value !== undefined && (value > 0 || !isMode))
      .sort((one, other) => sign * (one[1] - other[1]))
      .map(([clip, value]) => ({ ...clip, note: noteOf(clip, value) }));
  }

  /** Find clips by what a row did there. */
  find(row, kind) {
    this.kind = kind;
    this.viewer.chosen[1] = row;
    this.drawFilters();
    this.apply();
    this.viewer.open(this.viewer.clips.length ? this.viewer.clips[0].id : null);
    goTo(document.getElementById("clips"));
  }

  refresh() {
    this.apply();
    this.viewer.refresh();
  }
}
