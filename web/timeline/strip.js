// The keyframe strip: an exposure sheet lying on its side. What is on it and how it is edited; the page is view.js.
// It knows a page and callbacks, nothing of ComfyUI.
import { MAX_LENGTH, legalFrames, parsePosition, positionOf, snapLength, snapToGrid } from "./grid.js";
import {
  addKeyframe, addSegment, commit, editKeyframe, editSegment, history, readValue, rebase, redo, removeKeyframe,
  removeSegment, undo, writeValue,
} from "./model.js";
import { Pictures } from "./pictures.js";
import { View } from "./view.js";
import { wordsFor } from "./words.js";

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
    this.root = root;
    this.host = host;
    this.words = wordsFor(host.locale);
    this.pictures = new Pictures(() => this.render());
    this.history = history({ ...readValue(""), linked: {}, length: 0, fps: 0 });
    this.chosen = null; // "own:<index>", "linked:<node id>" or "prompt:<index>"
    this.playhead = 0;
    this.target = null; // the legal frame a drag would land on
    this.keys = [];
    this.view = new View(this);
    this.observer = new ResizeObserver(() => this.render());
    this.observer.observe(root);
    this.refresh();
  }

  // --- value ---------------------------------------------------------------------------------------------------------

  get present() {
    return this.history.present;
  }

  get value() {
    return writeValue(this.present);
  }

  set value(text) {
    const { linked, length, fps } = this.present;
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
    return this.present.length || this.clip.row.num_frames;
  }

  get fps() {
    return this.present.fps || this.clip.row.fps;
  }

  /** Look again at what the host says; what changed there is not an edit of ours, so undo leaves it alone. */
  refresh() {
    const clip = this.host.clip();
    const seen = JSON.stringify(clip);
    if (seen === this.seen || this.drag) return;
    this.seen = seen;
    this.clip = clip;
    const change = { linked: {} };
    for (const name of ["length", "fps"]) if (clip[name] !== this.present[name]) change[name] = clip[name];
    for (const { id, position, strength } of clip.linked) {
      const known = this.present.linked[id];
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
    const before = this.present;
    if (next === before) return;
    this.settle();
    this.history = commit(this.history, next);
    this.tell(before, next);
  }

  /** Part of a step: a drag that goes on. `settle` makes all of it one. */
  show(next) {
    const before = this.present;
    this.base ??= before;
    this.history = { ...this.history, present: next };
    this.tell(before, next);
  }

  settle() {
    if (this.base && this.base !== this.present) this.history = commit(this.history, this.present, this.base);
    this.base = null;
    this.render();
  }

  undo() {
    this.step(undo, "past");
  }

  redo() {
    this.step(redo, "future");
  }

  step(way, side) {
    this.settle();
    if (!this.history[side].length) return;
    const before = this.present;
    this.history = way(this.history);
    this.tell(before, this.present);
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
    if (key && !key.locked) this[ongoing ? "show" : "edit"](editKeyframe(this.present, key.id, change));
  }

  changeSegment(change, ongoing = false) {
    const index = this.chosenIndex();
    if (this.chosenSegment()) this[ongoing ? "show" : "edit"](editSegment(this.present, index, change));
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
    const next = this.movedTo(this.present, key, at);
    if (next && !key.locked) {
      this.edit(next);
      this.seek(at);
    }
  }

  remove() {
    const key = this.chosenKey();
    if (key?.linked) return this.say(this.words.keepLinked);
    const next = key ? removeKeyframe(this.present, key.id) : removeSegment(this.present, this.chosenIndex());
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
    let next = this.present;
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
    const next = this.present.prompts.map((one) => one.start).filter((start) => start > at);
    const start = this.present.prompts.length ? at : 0;
    const end = Math.min(this.numFrames, ...next);
    this.edit(addSegment(this.present, { start, end, text: "" }));
    this.choose(`prompt:${this.present.prompts.length - 1}`);
    this.view.inspector.text.focus();
  }

  setLength(text) {
    const asked = Math.min(MAX_LENGTH, Math.max(0, Math.round(Number(text)) || 0));
    const multiple = this.clip.row.frames_multiple;
    const length = asked && snapLength(asked, multiple);
    this.edit(length === this.present.length ? this.present : { ...this.present, length });
    if (length !== asked) this.say(this.words.lengthSnapped(asked, length, multiple));
    this.view.length.value = length || "";
  }

  setFps(text) {
    const fps = Math.min(120, Math.max(0, Number(text) || 0));
    this.edit(fps === this.present.fps ? this.present : { ...this.present, fps });
    this.view.rate.value = fps || "";
  }

  // --- selection, playhead -------------------------------------------------------------------------------------------

  chosenKey() {
    return this.keys.find((key) => key.id === this.chosen);
  }

  chosenIndex() {
    return this.chosen?.startsWith("prompt:") ? Number(this.chosen.slice(7)) : -1;
  }

  chosenSegment() {
    return this.present.prompts[this.chosenIndex()];
  }

  choose(id) {
    this.settle(); // what is typed or pulled belongs to what was selected
    this.chosen = id;
    const key = this.chosenKey();
    if (key) this.playhead = key.at;
    this.render();
    this.view.reveal();
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
    this.view.reveal();
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
    if (this.present.prompts.some((one) => this.isOutside(one))) return words.segmentOutside;
    const missing = this.keys.find((key) => key.url && this.pictures.of(key.url).missing);
    return missing && !missing.linked ? words.missing(missing.label) : "";
  }

  isDoubled(key) {
    return this.keys.some((other) => other !== key && other.at === key.at);
  }

  isOutside(segment) {
    return !(segment.start >= 0 && segment.start < segment.end && segment.end <= this.numFrames);
  }

  focus() {
    this.root.focus({ preventScroll: true });
  }

  /** All keyframes of the node, its links' first, with the frame each was asked for and the one it gets. */
  placed() {
    const { numFrames, fps, clip, present } = this;
    const linked = clip.linked.map((one) => ({ ...one, ...present.linked[one.id], id: `linked:${one.id}`, linked: true }));
    const own = present.own.map((row, i) => ({
      id: `own:${i}`, url: this.host.url(row.image), label: row.image.replace(/^.*\/|\s\[\w+\]$/g, ""),
      position: row.position, strength: Number(row.strength ?? 1), linked: false, locked: false,
    }));
    return [...linked, ...own].map((key) => {
      const asked = parsePosition(key.position, numFrames, fps);
      return { ...key, asked, at: snapToGrid(asked ?? numFrames - 1, numFrames, clip.row.key_multiple) };
    });
  }

  render() {
    if (!this.clip) return;
    this.legal = legalFrames(this.numFrames, this.clip.row.key_multiple);
    this.playhead = this.clamped(this.playhead);
    this.keys = this.placed();
    if (this.chosen && !this.chosenKey() && !this.chosenSegment()) this.chosen = null;
    this.view.render();
  }
}
