// The keyframe strip: an exposure sheet lying on its side. Knows a page and callbacks, nothing of ComfyUI.
import { element, icon, iconButton } from "./elements.js";
import { legalFrames, parsePosition, positionOf, snapLength, snapToGrid } from "./grid.js";
import { Inspector } from "./inspector.js";
import {
  addKeyframe, addSegment, commit, editKeyframe, editSegment, history, lanesOf, readValue, rebase, redo, removeKeyframe,
  removeSegment, undo, writeValue,
} from "./model.js";
import { makePicker } from "./picker.js";
import { Pictures } from "./pictures.js";
import { drawPreview } from "./preview.js";
import { RULER, drawRuler } from "./ruler.js";
import { addStyle } from "./style.js";
import { wordsFor } from "./words.js";

const PAD = 10; // px of track before the first frame and after the last
const LANE = 22;
const MAX_LANES = 3; // more of them scroll
const MAX_LENGTH = 4097; // of the node's input
const MAX_ZOOM = 16;
const THIN = 26; // px: a narrower card has no room for its number

/**
 * @typedef {{num_frames: number, fps: number, key_multiple: number | null, frames_multiple: number, sizes: number[][]}} Row
 *
 * @typedef {object} Clip what the node around the strip says
 * @property {string} release
 * @property {Row} row
 * @property {number} length 0: the release's
 * @property {number} fps 0: the release's
 * @property {boolean} lengthLinked another node sets it
 * @property {boolean} fpsLinked
 * @property {number} aspect width / height; 0: the first drawing's
 * @property {boolean} stretch
 * @property {{id: string, url: string | null, label: string, position: string, strength: number, locked: boolean}[]} linked
 *
 * @typedef {object} Callbacks
 * @property {string} locale
 * @property {() => Clip} clip
 * @property {() => void} changed the value is another one now
 * @property {(name: "length" | "fps", value: number) => void} setClip
 * @property {(id: string, change: {position: string, strength: number}) => void} setLinked
 * @property {(image: string) => string} url of an image that the value names
 * @property {(file: Blob) => Promise<string>} store -> the image's name
 * @property {(transfer: DataTransfer) => string | null} draggedImage name of a picture dragged from the host's own pages
 * @property {() => import("./picker.js").Choice[]} nodes that have a picture
 * @property {() => Promise<import("./picker.js").Choice[]>} files of the input folder
 * @property {(nodeId: string, position: string) => void} link put a keyframe node between that node and this one
 */

export class Strip {
  /**
   * @param {HTMLElement} root
   * @param {Callbacks} host
   */
  constructor(root, host) {
    addStyle();
    this.root = root;
    this.host = host;
    this.words = wordsFor(host.locale);
    this.pictures = new Pictures(() => this.render());
    this.history = history({ ...readValue(""), linked: {}, length: 0, fps: 0 });
    this.chosen = null; // "own:<index>", "linked:<node id>" or "prompt:<index>"
    this.playhead = 0;
    this.zoom = 1;
    this.target = null; // the legal frame a drag would land on
    this.cards = new Map();
    this.keys = [];
    this.build();
    this.observer = new ResizeObserver(() => this.render());
    this.observer.observe(root);
    this.refresh();
  }

  // --- value ---------------------------------------------------------------------------------------------------------

  get strip() {
    return this.history.present;
  }

  get value() {
    return writeValue(this.strip);
  }

  set value(text) {
    const { linked, length, fps } = this.strip;
    let read = { text, rest: {}, own: [], prompts: [] };
    try {
      read = readValue(text);
      this.broken = false;
    } catch {
      this.broken = true; // kept as it is until the user edits here
    }
    this.history = history({ ...read, linked, length, fps });
    this.chosen = null;
    this.render();
  }

  get numFrames() {
    return this.strip.length || this.clip.row.num_frames;
  }

  get fps() {
    return this.strip.fps || this.clip.row.fps;
  }

  /** Look again at what the host says; what changed there is not an edit of ours, so undo leaves it alone. */
  refresh() {
    const clip = this.host.clip();
    const seen = JSON.stringify(clip);
    if (seen === this.seen || this.drag) return;
    this.seen = seen;
    this.clip = clip;
    const change = { linked: {} };
    for (const name of ["length", "fps"]) if (clip[name] !== this.strip[name]) change[name] = clip[name];
    for (const { id, position, strength } of clip.linked) {
      const known = this.strip.linked[id];
      if (known?.position !== position || known?.strength !== strength) change.linked[id] = { position, strength };
    }
    this.history = rebase(this.history, change);
    this.render();
  }

  destroy() {
    this.observer.disconnect();
    this.pause();
    clearTimeout(this.noteTimer);
  }

  // --- edits ---------------------------------------------------------------------------------------------------------

  /** One step of undo. */
  edit(next) {
    const before = this.strip;
    if (next === before) return;
    this.history = commit(this.history, next);
    this.tell(before, next);
  }

  /** Part of a step: a drag that goes on. `settle` makes all of it one. */
  show(next) {
    const before = this.strip;
    this.base ??= before;
    this.history = { ...this.history, present: next };
    this.tell(before, next);
  }

  settle() {
    if (this.base && this.base !== this.strip) this.history = commit(this.history, this.strip, this.base);
    this.base = null;
    this.render();
  }

  undo() {
    this.step(undo, this.history.past);
  }

  redo() {
    this.step(redo, this.history.future);
  }

  step(way, there) {
    if (!there.length) return;
    const before = this.strip;
    this.history = way(this.history);
    this.tell(before, this.strip);
  }

  tell(before, after) {
    if (before.own !== after.own || before.prompts !== after.prompts) {
      this.broken = false;
      this.host.changed();
    }
    for (const { id } of this.clip.linked) {
      if (before.linked[id] !== after.linked[id]) this.host.setLinked(id, after.linked[id]);
    }
    for (const name of ["length", "fps"]) if (before[name] !== after[name]) this.host.setClip(name, after[name]);
    this.render();
  }

  /** Position or strength of the selected keyframe. */
  change(change, ongoing = false) {
    const key = this.chosenKey();
    if (key && !key.locked) this[ongoing ? "show" : "edit"](editKeyframe(this.strip, key.id, change));
  }

  changeSegment(change, ongoing = false) {
    const index = this.chosenIndex();
    if (this.chosenSegment()) this[ongoing ? "show" : "edit"](editSegment(this.strip, index, change));
  }

  /** `key` on the legal frame nearest to `frame`; null where another keyframe is. */
  movedTo(base, key, frame) {
    const at = snapToGrid(this.clamped(frame), this.numFrames, this.clip.row.key_multiple);
    if (at === key.asked) return base; // as it was written: `50%` stays `50%`
    if (this.keys.some((other) => other.id !== key.id && other.at === at)) return null;
    return editKeyframe(base, key.id, { position: positionOf(at, this.numFrames) });
  }

  /** By legal frames; those that are taken are passed over. */
  nudge(key, steps) {
    const free = this.legal.filter((frame) => frame === key.at || !this.keys.some((other) => other.at === frame));
    const at = free[Math.max(0, Math.min(free.length - 1, free.indexOf(key.at) + steps))];
    const next = this.movedTo(this.strip, key, at);
    if (next && !key.locked) {
      this.edit(next);
      this.seek(at);
    }
  }

  remove() {
    const key = this.chosenKey();
    if (key?.linked) return this.say(this.words.keepLinked);
    const next = key ? removeKeyframe(this.strip, key.id) : removeSegment(this.strip, this.chosenIndex());
    const gone = key || this.chosenSegment();
    this.chosen = null;
    if (gone) this.edit(next);
    this.focus();
  }

  /** `count` free legal frames: over the whole clip when it is empty, else from `at` on. */
  freeFrames(count, at) {
    const free = this.legal.filter((frame) => !this.keys.some((key) => key.at === frame));
    if (!this.keys.length && count > 1) {
      const spread = (i) => free[Math.round((i * (free.length - 1)) / (count - 1))];
      return [...new Set(Array.from({ length: count }, (_, i) => spread(i)))];
    }
    const snapped = snapToGrid(at, this.numFrames, this.clip.row.key_multiple);
    const distance = (frame) => (frame >= snapped ? frame - snapped : this.numFrames + snapped - frame);
    return free.sort((a, b) => distance(a) - distance(b)).slice(0, count);
  }

  /** Images by name, or nodes to be linked, onto free frames from `at` on. */
  place(choices, at) {
    const frames = this.freeFrames(choices.length, at);
    let next = this.strip;
    const only = this.keys.length === 1 && this.legal.length === 1 && this.keys[0];
    if (only && !only.linked && choices[0]?.kind === "file") {
      next = editKeyframe(next, only.id, { image: choices[0].id }); // a release with one place: the new drawing takes it
    } else if (frames.length < choices.length) {
      this.say(this.words.noPlace);
    }
    frames.forEach((frame, i) => {
      const position = positionOf(frame, this.numFrames);
      if (choices[i].kind === "node") this.host.link(choices[i].id, position);
      else next = addKeyframe(next, choices[i].id, position);
    });
    this.edit(next);
    if (next.own.length) this.choose(`own:${next.own.length - 1}`);
    this.refresh();
  }

  async store(files, at) {
    const pictures = files.filter((file) => file.type.startsWith("image/"));
    pictures.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    if (!pictures.length) return;
    this.say(this.words.storing(pictures.length));
    try {
      const names = await Promise.all(pictures.map((file) => this.host.store(file)));
      this.say("");
      this.place(names.map((id) => ({ kind: "file", id })), at);
    } catch (error) {
      this.say(this.words.failed(error.message));
    }
  }

  addPrompt(at) {
    const next = this.strip.prompts.map((one) => one.start).filter((start) => start > at);
    const start = this.strip.prompts.length ? at : 0;
    const end = Math.min(this.numFrames, ...next);
    this.edit(addSegment(this.strip, { start, end, text: "" }));
    this.choose(`prompt:${this.strip.prompts.length - 1}`);
    this.inspector.text.focus();
  }

  setLength(text) {
    const asked = Math.min(MAX_LENGTH, Math.max(0, Math.round(Number(text)) || 0));
    const multiple = this.clip.row.frames_multiple;
    const length = asked && snapLength(asked, multiple);
    this.edit(length === this.strip.length ? this.strip : { ...this.strip, length });
    if (length !== asked) this.say(this.words.lengthSnapped(asked, length, multiple));
    this.length.value = length || "";
  }

  setFps(text) {
    const fps = Math.min(120, Math.max(0, Number(text) || 0));
    this.edit(fps === this.strip.fps ? this.strip : { ...this.strip, fps });
    this.rate.value = fps || "";
  }

  // --- selection, playhead -------------------------------------------------------------------------------------------

  chosenKey() {
    return this.keys.find((key) => key.id === this.chosen);
  }

  chosenIndex() {
    return this.chosen?.startsWith("prompt:") ? Number(this.chosen.slice(7)) : -1;
  }

  chosenSegment() {
    return this.strip.prompts[this.chosenIndex()];
  }

  choose(id) {
    this.settle(); // what is typed or pulled belongs to what was selected
    this.chosen = id;
    const key = this.chosenKey();
    if (key) this.playhead = key.at;
    this.render();
    this.reveal();
  }

  /** The next keyframe in time. */
  chooseNext(way) {
    const order = [...this.keys].sort((a, b) => a.at - b.at);
    const now = order.findIndex((key) => key.id === this.chosen);
    const next = now < 0 ? order.find((key) => key.at >= this.playhead) ?? order[0] : order[now + way];
    if (next) this.choose(next.id);
  }

  clamped(frame) {
    return Math.max(0, Math.min(this.numFrames - 1, frame));
  }

  seek(frame) {
    this.playhead = this.clamped(frame);
    this.render();
    this.reveal();
  }

  reveal() {
    const x = this.x(this.playhead);
    const { scrollLeft, clientWidth } = this.scroll;
    if (x < scrollLeft || x > scrollLeft + clientWidth - PAD) this.scroll.scrollLeft = x - clientWidth / 2;
  }

  play() {
    if (this.playing) return this.pause();
    const start = performance.now() - (this.playhead === this.numFrames - 1 ? 0 : this.playhead / this.fps) * 1000;
    const tick = (now) => {
      this.playing = requestAnimationFrame(tick);
      const frame = Math.floor(((now - start) / 1000) * this.fps) % this.numFrames;
      if (frame !== this.playhead) this.seek(this.clamped(frame));
    };
    this.playing = requestAnimationFrame(tick);
    this.render();
  }

  pause() {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.render();
  }

  say(note) {
    this.note = note;
    clearTimeout(this.noteTimer);
    if (note) this.noteTimer = setTimeout(() => this.say(""), 5000);
    this.render();
  }

  /** What would stop the node, in its order of reading. */
  problem() {
    const { words, numFrames, clip } = this;
    if (this.broken) return words.unreadable;
    const legal = snapLength(numFrames, clip.row.frames_multiple);
    if (legal !== numFrames) return words.lengthWrong(numFrames, legal);
    const lost = this.keys.find((key) => key.asked === null);
    if (lost) return words.outside(lost.position, numFrames);
    const doubled = this.keys.find((key) => this.isDoubled(key));
    if (doubled && this.legal.length === 1) return words.grid(clip.release, clip.row.key_multiple);
    if (doubled) return words.doubled(doubled.at);
    if (this.strip.prompts.some((one) => this.isOutside(one))) return words.segmentOutside;
    const missing = this.keys.find((key) => key.url && this.pictures.of(key.url).missing);
    return missing && !missing.linked ? words.missing(missing.label) : "";
  }

  isDoubled(key) {
    return this.keys.some((other) => other !== key && other.at === key.at);
  }

  isOutside(segment) {
    return !(segment.start >= 0 && segment.start < segment.end && segment.end <= this.numFrames);
  }

  // --- page ----------------------------------------------------------------------------------------------------------

  build() {
    const { words, root } = this;
    root.classList.add("anisora-strip");
    root.tabIndex = 0;
    root.type = "textarea"; // ComfyUI leaves ctrl+z to an element that says so, and would undo the workflow otherwise
    root.setAttribute("role", "application");
    root.setAttribute("aria-label", words.strip);

    const number = (title, more) => element("input", { type: "number", title, "aria-label": title, ...more });
    this.playButton = iconButton("play", words.play, () => this.play());
    this.time = element("span", { class: "time" });
    this.length = number(words.length, { min: 1, max: MAX_LENGTH });
    this.length.addEventListener("change", () => this.setLength(this.length.value));
    this.rate = number(words.fps, { min: 1, max: 120 });
    this.rate.addEventListener("change", () => this.setFps(this.rate.value));
    this.undoButton = iconButton("undo", words.undo, () => this.undo());
    this.redoButton = iconButton("redo", words.redo, () => this.redo());
    this.bar = element(
      "div", { class: "bar" }, this.playButton, this.time, element("label", {}, this.length, words.frames),
      element("label", {}, this.rate, words.fpsUnit), element("span", { class: "gap" }),
      iconButton("image", words.addImages, () => this.openPicker()),
      iconButton("prompt", words.addPrompt, () => this.addPrompt(this.playhead)), this.undoButton, this.redoButton,
      iconButton("minus", words.zoomOut, () => this.zoomTo(this.zoom / 2), { class: "wide" }),
      iconButton("plus", words.zoomIn, () => this.zoomTo(this.zoom * 2), { class: "wide" }),
    );

    this.canvas = element("canvas", { role: "img", "aria-label": words.preview });
    this.empty = element("div", { class: "empty" }, icon("image"), element("b", {}, words.empty), words.emptyMore);
    this.status = element("div", { class: "status", role: "status" });
    this.inspector = new Inspector(this);
    const preview = element("div", { class: "preview" }, this.canvas, this.empty, this.status);
    this.pane = element("div", { class: "pane" }, preview, this.inspector.root);

    this.paper = element("canvas", { "aria-hidden": "true" });
    this.scrub = element("div", { class: "scrub", role: "slider", "aria-label": words.playhead, "aria-valuemin": 0 });
    this.row = element("div", { class: "cards", role: "listbox", "aria-label": words.strip });
    this.lanes = element("div", { class: "lanes" });
    this.head = element("div", { class: "head" });
    this.track = element("div", { class: "track" }, this.paper, this.row, this.lanes, this.scrub, this.head);
    this.scroll = element("div", { class: "scroll" }, this.track);
    root.append(this.bar, this.pane, this.scroll);
    this.listen();
  }

  listen() {
    const { root } = this;
    root.addEventListener("keydown", (event) => this.keydown(event));
    for (const name of ["pointerdown", "dblclick"]) root.addEventListener(name, (event) => event.stopPropagation());
    root.addEventListener("click", (event) => {
      if (event.target.closest("button") && !event.target.closest(".picker")) this.focus();
    });
    root.addEventListener("paste", (event) => this.pasted(event));
    root.addEventListener("dragover", (event) => this.dragover(event));
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(event.relatedTarget)) this.aim(null);
    });
    root.addEventListener("drop", (event) => this.dropped(event));
    this.scroll.addEventListener("scroll", () => this.drawPaper());
    this.scroll.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const area of [this.scrub, this.row]) {
      area.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || event.target !== area) return;
        if (area === this.row) this.choose(null);
        this.seek(this.frameAt(event));
        this.follow(event, (moved) => this.seek(this.frameAt(moved)), { threshold: 0 });
      });
    }
    this.lanes.addEventListener("pointerdown", (event) => event.target === this.lanes && this.choose(null));
    this.lanes.addEventListener("dblclick", (event) => {
      if (!event.target.closest(".segment")) this.addPrompt(this.clamped(this.frameAt(event)));
    });
  }

  focus() {
    this.root.focus({ preventScroll: true });
  }

  openPicker() {
    const close = () => {
      this.picker?.remove();
      this.picker = null;
      this.focus();
    };
    close();
    const at = this.playhead;
    this.picker = makePicker({
      words: this.words,
      nodes: this.host.nodes(),
      files: this.host.files(),
      close,
      place: (choices) => {
        close();
        this.place(choices, at);
      },
      store: (files) => {
        close();
        this.store(files, at);
      },
    });
    this.root.append(this.picker);
    this.picker.querySelector("input").focus();
  }

  // --- pointer -------------------------------------------------------------------------------------------------------

  /** Moves of the pointer until it is released; `escape` takes back what they did. */
  follow(down, move, { threshold = 3, end = () => {} } = {}) {
    down.preventDefault(); // no text selection, no drag of the picture
    this.focus();
    const target = down.currentTarget;
    target.setPointerCapture(down.pointerId);
    const abort = new AbortController();
    let began = threshold === 0;
    const on = (name, act) => target.addEventListener(name, act, { signal: abort.signal });
    const finish = () => {
      abort.abort();
      this.drag = null;
      this.target = null;
      end();
      this.settle();
    };
    on("pointermove", (event) => {
      began ||= Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) >= threshold;
      if (began) move(event);
    });
    on("pointerup", finish);
    on("pointercancel", finish);
    this.drag = {
      cancel: () => {
        if (this.base) this.show(this.base);
        finish();
      },
    };
  }

  dragKey(down, id) {
    if (down.button !== 0) return;
    this.choose(id);
    const key = this.chosenKey();
    const base = this.strip;
    const offset = this.frameAt(down, false) - key.at; // it stays under the pointer where it was taken
    const card = down.currentTarget;
    const move = (event) => {
      if (key.locked) return this.say(this.words.locked);
      card.classList.add("dragged");
      const frame = Math.round(this.frameAt(event, false) - offset);
      const next = this.movedTo(base, key, frame);
      this.target = snapToGrid(this.clamped(frame), this.numFrames, this.clip.row.key_multiple);
      if (!next) return this.drawPaper();
      this.playhead = this.target;
      this.show(next);
      this.reveal();
    };
    this.follow(down, move, { end: () => card.classList.remove("dragged") });
  }

  dragSegment(down, index, edge) {
    if (down.button !== 0) return;
    this.choose(`prompt:${index}`);
    const base = this.strip;
    const { start, end } = base.prompts[index];
    const from = this.frameAt(down, false);
    this.follow(down, (event) => {
      const by = Math.round(this.frameAt(event, false) - from);
      const change = {
        start: { start: Math.max(0, Math.min(end - 1, start + by)) },
        end: { end: Math.max(start + 1, Math.min(this.numFrames, end + by)) },
        both: shifted(start, end, by, this.numFrames),
      }[edge];
      this.show(editSegment(base, index, change));
      this.seek(edge === "end" ? change.end - 1 : change.start);
    });
  }

  /** The frame under the pointer; `whole` false: with its fraction. The canvas renderer scales the page, so px are not px. */
  frameAt(event, whole = true) {
    const box = this.track.getBoundingClientRect();
    const x = ((event.clientX - box.left) * this.track.offsetWidth) / box.width;
    const frame = (x - PAD) / this.cell - (whole ? 0 : 0.5);
    return whole ? Math.floor(frame) : frame;
  }

  wheel(event) {
    if (event.ctrlKey) {
      this.zoomTo(this.zoom * (event.deltaY < 0 ? 1.25 : 0.8), this.frameAt(event, false));
    } else if (this.zoom > 1) {
      this.scroll.scrollLeft += event.deltaY + event.deltaX;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keeps `around` where it is on the screen. */
  zoomTo(zoom, around = this.playhead) {
    const was = this.x(around) - this.scroll.scrollLeft;
    this.zoom = Math.max(1, Math.min(MAX_ZOOM, zoom));
    this.render();
    this.scroll.scrollLeft = this.x(around) - was;
    this.render();
  }

  // --- keyboard ------------------------------------------------------------------------------------------------------

  keydown(event) {
    const command = event.ctrlKey || event.metaKey;
    const field = event.target.closest("input, textarea");
    const itsOwn = field && (field.type !== "range" || /^(Arrow|Home|End|Page)/.test(event.key));
    if (this.picker || itsOwn) {
      const done = event.key === "Escape" || (event.key === "Enter" && field?.tagName === "INPUT");
      if (done && !this.picker && !command) this.focus();
      if (!command) event.stopPropagation();
      return;
    }
    const act = command ? this.commandFor(event) : this.actionFor(event);
    if (act && !(event.target.matches("button") && [" ", "Enter"].includes(event.key))) {
      act();
      event.preventDefault();
    }
    if (act || !command) event.stopPropagation(); // ctrl+s, ctrl+enter, ... are the host's
  }

  commandFor({ key, shiftKey }) {
    if (key.toLowerCase() === "z") return () => (shiftKey ? this.redo() : this.undo());
    if (key.toLowerCase() === "y") return () => this.redo();
    return null;
  }

  actionFor({ key, shiftKey }) {
    const by = (shiftKey ? 5 : 1) * (key === "ArrowLeft" ? -1 : 1);
    return {
      ArrowLeft: () => this.stepBy(by),
      ArrowRight: () => this.stepBy(by),
      ArrowUp: () => this.chooseNext(-1),
      ArrowDown: () => this.chooseNext(1),
      Home: () => this.toEnd(-1),
      End: () => this.toEnd(1),
      Delete: () => this.remove(),
      Backspace: () => this.remove(),
      Escape: () => (this.drag ? this.drag.cancel() : this.choose(null)),
      Enter: () => this.chosenSegment() && this.inspector.text.focus(),
      " ": () => this.play(),
    }[key];
  }

  stepBy(by) {
    const key = this.chosenKey();
    const segment = this.chosenSegment();
    if (key) this.nudge(key, by);
    else if (segment) this.changeSegment(shifted(segment.start, segment.end, by, this.numFrames));
    else this.seek(this.playhead + by);
  }

  toEnd(way) {
    const key = this.chosenKey();
    if (key) this.nudge(key, way * this.numFrames);
    else this.seek(way * this.numFrames);
  }

  // --- pictures from outside -----------------------------------------------------------------------------------------

  dragover(event) {
    const types = event.dataTransfer.types;
    if (!types.includes("Files") && !types.includes("text/uri-list")) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    this.aim(this.dropFrame(event));
  }

  dropFrame(event) {
    const over = this.scroll.contains(event.target);
    return this.freeFrames(1, over ? this.clamped(this.frameAt(event)) : this.playhead)[0] ?? null;
  }

  aim(frame) {
    this.target = frame;
    this.root.classList.toggle("dropping", frame !== null);
    this.drawPaper();
  }

  dropped(event) {
    event.preventDefault();
    event.stopPropagation();
    const at = this.dropFrame(event) ?? 0;
    this.aim(null);
    this.focus();
    const image = this.host.draggedImage(event.dataTransfer);
    if (image) this.place([{ kind: "file", id: image }], at);
    else this.store([...event.dataTransfer.files], at);
  }

  pasted(event) {
    if (event.target.matches("input, textarea") || !event.clipboardData.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    this.store([...event.clipboardData.files], this.playhead);
  }

  // --- drawing -------------------------------------------------------------------------------------------------------

  x(frame) {
    return PAD + frame * this.cell;
  }

  /** All keyframes of the node, its links' first, with the frame each was asked for and the one it gets. */
  placed() {
    const { numFrames, fps, clip, strip } = this;
    const linked = clip.linked.map((one) => ({ ...one, ...strip.linked[one.id], id: `linked:${one.id}`, linked: true }));
    const own = strip.own.map((row, i) => ({
      id: `own:${i}`, url: this.host.url(row.image), label: row.image.replace(/^.*\/|\s\[\w+\]$/g, ""),
      position: row.position, strength: Number(row.strength ?? 1), linked: false, locked: false,
    }));
    return [...linked, ...own].map((key) => {
      const asked = parsePosition(key.position, numFrames, fps);
      return { ...key, asked, at: snapToGrid(asked ?? numFrames - 1, numFrames, clip.row.key_multiple) };
    });
  }

  render() {
    if (!this.clip || !this.scroll.clientWidth) return;
    const { strip } = this;
    this.legal = legalFrames(this.numFrames, this.clip.row.key_multiple);
    this.playhead = this.clamped(this.playhead);
    this.keys = this.placed();
    if (this.chosen && !this.chosenKey() && !this.chosenSegment()) this.chosen = null;
    const lanes = lanesOf(strip.prompts);
    this.arrange(Math.max(0, ...lanes) + 1);
    this.renderBar();
    this.renderCards();
    this.renderSegments(lanes);
    this.renderPreview();
    this.inspector.render();
    this.drawPaper();
  }

  arrange(lanes) {
    const row = Math.round(Math.max(54, Math.min(120, this.root.clientHeight * 0.2)));
    const rows = Math.min(lanes, MAX_LANES) * LANE + 3;
    this.height = RULER + row + rows;
    this.cell = (this.scroll.clientWidth * this.zoom - 2 * PAD) / this.numFrames;
    this.track.style.width = `${this.scroll.clientWidth * this.zoom}px`;
    this.track.style.height = `${this.height}px`;
    this.scrub.style.height = `${RULER}px`;
    Object.assign(this.row.style, { top: `${RULER}px`, height: `${row}px` });
    Object.assign(this.lanes.style, { top: `${RULER + row}px`, height: `${rows}px` });
    this.rowHeight = row - 10;
  }

  renderBar() {
    const { words, strip, clip, playhead } = this;
    this.time.textContent = words.time(playhead, (playhead / this.fps).toFixed(2));
    this.head.style.left = `${this.x(playhead) + this.cell / 2}px`;
    this.scrub.setAttribute("aria-valuemax", this.numFrames - 1);
    this.scrub.setAttribute("aria-valuenow", playhead);
    if (document.activeElement !== this.length) this.length.value = strip.length || "";
    this.length.step = clip.row.frames_multiple;
    this.length.placeholder = clip.row.num_frames;
    this.length.disabled = clip.lengthLinked;
    this.length.classList.toggle("wrong", snapLength(this.numFrames, clip.row.frames_multiple) !== this.numFrames);
    if (document.activeElement !== this.rate) this.rate.value = strip.fps || "";
    this.rate.placeholder = clip.row.fps;
    this.rate.disabled = clip.fpsLinked;
    this.undoButton.disabled = !this.history.past.length;
    this.redoButton.disabled = !this.history.future.length;
    const mode = this.playing ? "pause" : "play";
    if (this.playButton.dataset.mode !== mode) {
      this.playButton.dataset.mode = mode;
      this.playButton.title = words[mode];
      this.playButton.setAttribute("aria-label", words[mode]);
      this.playButton.replaceChildren(icon(mode));
    }
  }

  renderCards() {
    for (const [id, card] of this.cards) {
      if (this.keys.some((key) => key.id === id)) continue;
      card.root.remove();
      this.cards.delete(id);
    }
    const order = [...this.keys].sort((a, b) => a.at - b.at);
    order.forEach((key, i) => {
      if (!this.cards.has(key.id)) this.cards.set(key.id, this.makeCard(key.id));
      const before = order.findLast((other) => other.at < key.at);
      const after = order.find((other) => other.at > key.at);
      const stacked = order.slice(0, i).filter((other) => other.at === key.at).length;
      this.renderCard(this.cards.get(key.id), key, before, after, stacked);
    });
    this.root.setAttribute("aria-activedescendant", this.cards.get(this.chosen)?.root.id ?? "");
  }

  makeCard(id) {
    const image = element("img", { alt: "", draggable: "false" });
    const name = element("span", { class: "name" });
    const at = element("span", { class: "at" });
    const force = element("span", { class: "force" });
    const badge = element("span", { class: "badge" }, icon("link"));
    const pin = element("span", { class: "pin" });
    const card = element("div", { class: "card" }, image, name, at, force, badge);
    const root = element("div", { class: "key", role: "option", id: `anisora-key-${++cardCount}` }, pin, card);
    root.addEventListener("pointerdown", (event) => this.dragKey(event, id));
    this.row.append(root);
    return { root, image, name, at, force, badge, pin };
  }

  renderCard(card, key, before, after, stacked) {
    const { words } = this;
    const picture = key.url ? this.pictures.of(key.url) : {};
    const chosen = key.id === this.chosen;
    const middle = this.x(key.at) + this.cell / 2;
    const [left, right] = this.span(middle, this.rowHeight * (picture.aspect ?? 1.4), before, after, chosen);
    Object.assign(card.root.style, {
      left: `${left + stacked * 8}px`, width: `${right - left}px`, zIndex: this.drag && chosen ? 4 : chosen ? 3 : 1,
    });
    card.pin.style.left = `${middle - left - stacked * 8}px`;
    if (card.image.getAttribute("src") !== (picture.thumb ?? null)) {
      if (picture.thumb) card.image.src = picture.thumb;
      else card.image.removeAttribute("src");
    }
    card.image.hidden = !picture.thumb;
    card.name.textContent = picture.thumb ? "" : key.label;
    card.at.textContent = key.asked !== null && key.asked !== key.at ? words.snapped(key.asked, key.at) : key.at;
    card.force.style.width = `${key.strength < 1 ? key.strength * 100 : 0}%`;
    card.badge.hidden = !key.linked;
    const wrong = key.asked === null || this.isDoubled(key);
    for (const [name, on] of Object.entries({ chosen, wrong, linked: key.linked, thin: right - left < THIN })) {
      card.root.classList.toggle(name, on);
    }
    card.root.title = this.tip(key);
    card.root.setAttribute("aria-label", words.keyframe(key.label, key.at));
    card.root.setAttribute("aria-selected", chosen);
  }

  tip(key) {
    const { words } = this;
    const lines = [key.label, words.time(key.at, (key.at / this.fps).toFixed(2)), `${words.strength} ${key.strength}`];
    if (key.linked) lines.push(key.locked ? words.locked : words.linked);
    if (key.asked === null) lines.push(words.outside(key.position, this.numFrames));
    else if (key.asked !== key.at) lines.push(words.movedTo(key.asked, key.at, this.clip.release));
    return lines.join("\n");
  }

  /** Left and right of a card: its picture's width around its frame, up to half way to its neighbours. */
  span(middle, width, before, after, chosen) {
    const total = this.scroll.clientWidth * this.zoom;
    const half = (other) => (this.x(other.at) + this.cell / 2 + middle) / 2;
    const start = Math.max(2, Math.min(total - width - 2, middle - width / 2));
    const left = before && !chosen ? Math.max(start, half(before) + 0.5) : start;
    const right = after && !chosen ? Math.min(start + width, half(after) - 0.5) : start + width;
    return [left, Math.max(right, left + 3)];
  }

  renderSegments(lanes) {
    const { words, strip } = this;
    const made = strip.prompts.map((segment, i) => {
      const root = element("div", {
        class: `segment${this.chosen === `prompt:${i}` ? " chosen" : ""}${this.isOutside(segment) ? " wrong" : ""}`,
        role: "button", title: segment.text || words.promptHint, "aria-label": words.segment(segment.text),
        "data-empty": segment.text ? "" : words.promptHint,
        ondblclick: () => this.inspector.text.focus(),
      }, segment.text, element("i"), element("i"));
      const left = this.x(segment.start);
      Object.assign(root.style, {
        left: `${left}px`, top: `${lanes[i] * LANE + 2}px`, width: `${Math.max(8, this.x(segment.end) - left)}px`,
      });
      return root;
    });
    // A drag holds on to its element, so elements stay as long as their number does.
    if (made.length === this.segments?.length) {
      made.forEach((fresh, i) => this.updateSegment(this.segments[i], fresh));
      return;
    }
    this.segments = made;
    made.forEach((root, i) => root.addEventListener("pointerdown", (event) => {
      const [start, end] = root.querySelectorAll("i");
      this.dragSegment(event, i, event.target === start ? "start" : event.target === end ? "end" : "both");
    }));
    const hint = element("span", { class: "hint" }, words.promptsEmpty);
    this.lanes.replaceChildren(...(made.length ? made : [hint]));
  }

  updateSegment(root, fresh) {
    for (const { name, value } of fresh.attributes) root.setAttribute(name, value);
    root.firstChild.nodeType === Node.TEXT_NODE && root.firstChild.remove();
    if (fresh.firstChild.nodeType === Node.TEXT_NODE) root.prepend(fresh.firstChild.data);
  }

  renderPreview() {
    const { words, keys, playhead } = this;
    this.empty.hidden = keys.length > 0;
    this.canvas.hidden = !keys.length;
    const problem = this.problem();
    this.status.textContent = this.note || problem;
    this.status.title = this.status.textContent;
    this.status.hidden = !this.status.textContent;
    this.status.classList.toggle("warn", !this.note && Boolean(problem));
    if (!keys.length) return;
    const order = [...keys].sort((a, b) => a.at - b.at);
    const after = order.find((key) => key.at >= playhead) ?? order.at(-1);
    const before = order.findLast((key) => key.at <= playhead) ?? order[0];
    const mix = before.at === after.at ? 0 : (playhead - before.at) / (after.at - before.at);
    const layer = (key, weight) => ({
      picture: key.url ? this.pictures.of(key.url) : {}, label: key.label, strength: key.strength, weight,
    });
    const aspect = this.clip.aspect || (keys[0].url && this.pictures.of(keys[0].url).aspect) || 16 / 9;
    drawPreview(this.canvas, { aspect, stretch: this.clip.stretch }, [layer(before, 1 - mix), layer(after, mix)]);
  }

  drawPaper() {
    if (!this.cell) return;
    const style = getComputedStyle(this.root);
    const ink = style.color;
    const tone = (share) => `color-mix(in srgb, ${ink} ${share}%, transparent)`;
    const width = this.scroll.clientWidth;
    this.paper.style.width = `${width}px`;
    this.paper.style.height = `${this.height}px`;
    drawRuler(
      this.paper,
      {
        width, height: this.height, left: this.scroll.scrollLeft, cell: this.cell, x: (frame) => this.x(frame),
        numFrames: this.numFrames, fps: this.fps, multiple: this.clip.row.key_multiple, legal: this.legal,
        target: this.target, taken: new Set(this.keys.map((key) => key.at)),
      },
      {
        paper: tone(5), band: tone(5), tick: tone(22), ghost: tone(14), mark: tone(55), text: tone(85), dim: tone(55),
        accent: style.getPropertyValue("--accent"),
      },
    );
  }
}

let cardCount = 0;

/** A segment moved by whole frames, within the clip. */
function shifted(start, end, by, numFrames) {
  const moved = Math.max(-start, Math.min(numFrames - end, by));
  return { start: start + moved, end: end + moved };
}
