// The keyframe strip: an exposure sheet lying on its side. What is on it and how it is edited; the page is view.js.
// It knows a page and callbacks, nothing of ComfyUI.
import { Player } from "../player.js";
import { MAX_LENGTH, legalFrames, positionOf, snapLength, snapToGrid } from "./grid.js";
import {
  addSegment, commit, editKeyframe, editSegment, history, readValue, rebase, redo, removeKeyframe,
  removeSegment, undo, writeValue,
} from "./model.js";
import { Pictures } from "./pictures.js";
import { placeKeys, problemOf } from "./placing.js";
import { View } from "./view.js";
import { wordsFor } from "./words.js";

/**
 * @typedef {import("./model.js").Content} Content
 * @typedef {import("./model.js").Setting} Setting
 * @typedef {import("./picker.js").Choice} Choice
 * @typedef {import("./placing.js").Clip} Clip
 * @typedef {import("./placing.js").Key} Key
 *
 * @typedef {object} Callbacks
 * @property {string} locale
 * @property {() => Clip} clip
 * @property {() => void} changed the value is another one now
 * @property {(name: "length" | "fps", value: number) => void} setClip
 * @property {(id: string, change: Setting) => void} setLinked
 * @property {(image: string) => string} url of an image that the value names
 * @property {(file: File) => Promise<string>} store -> the image's name
 * @property {(transfer: DataTransfer) => string | null} draggedImage name of a picture dragged from the host's own pages
 * @property {() => Choice[]} nodes that have a picture
 * @property {() => Promise<Choice[]>} files of the input folder
 * @property {(nodeId: string, position: string) => void} link put a keyframe node between that node and this one
 */

const NOTE_MS = 5000;

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
    this.clip = host.clip();
    this.seen = ""; // the clip as it was last looked at
    this.broken = false; // the value is no timeline; it is kept as it is until the user edits here
    /** @type {string | null} "own:<index>", "linked:<node id>" or "prompt:<index>" */
    this.chosen = null;
    this.playhead = 0;
    /** @type {number | null} the legal frame a drag would land on */
    this.target = null;
    /** @type {{cancel: () => void} | null} while something is dragged */
    this.drag = null;
    /** @type {Content | null} what the step that goes on began at */
    this.base = null;
    /** @type {Key[]} */
    this.keys = [];
    /** @type {number[]} frames that keyframes may be on */
    this.legal = [];
    this.note = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.noteTimer = undefined;
    this.from = 0; // frame at which playing began
    this.player = new Player((seconds) => this.playing(seconds));
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
    /** @type {import("./model.js").Value} */
    let read = { text, rest: {}, own: [], prompts: [] };
    try {
      read = readValue(text);
      this.broken = false;
    } catch {
      this.broken = true;
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
    /** @type {Record<string, Setting>} */
    const linked = {};
    for (const { id, position, strength } of clip.linked) {
      const known = this.present.linked[id];
      if (known?.position !== position || known?.strength !== strength) linked[id] = { position, strength };
    }
    /** @type {Partial<Content>} only what is another one, as undo is to bring back the rest */
    const change = { linked };
    if (clip.length !== this.present.length) change.length = clip.length;
    if (clip.fps !== this.present.fps) change.fps = clip.fps;
    this.history = rebase(this.history, change);
    this.render();
  }

  destroy() {
    this.observer.disconnect();
    this.pause();
    clearTimeout(this.noteTimer);
  }

  // --- edits ---------------------------------------------------------------------------------------------------------

  /**
   * One step of undo.
   * @param {Content} next
   */
  edit(next) {
    const before = this.present;
    if (next === before) return;
    this.settle();
    this.history = commit(this.history, next);
    this.tell(before, next);
  }

  /**
   * Part of a step: a drag that goes on. `settle` makes all of it one.
   * @param {Content} next
   */
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

  /**
   * @param {typeof undo} way
   * @param {"past" | "future"} side
   */
  step(way, side) {
    this.settle();
    if (!this.history[side].length) return;
    const before = this.present;
    this.history = way(this.history);
    this.tell(before, this.present);
  }

  /**
   * Tells the host what has changed, and draws it.
   * @param {Content} before
   * @param {Content} after
   */
  tell(before, after) {
    if (before.own !== after.own || before.prompts !== after.prompts) {
      this.broken = false;
      this.host.changed();
    }
    for (const { id } of this.clip.linked) {
      if (before.linked[id] !== after.linked[id]) this.host.setLinked(id, after.linked[id]);
    }
    if (before.length !== after.length) this.host.setClip("length", after.length);
    if (before.fps !== after.fps) this.host.setClip("fps", after.fps);
    this.render();
  }

  /**
   * Of the selected keyframe.
   * @param {Partial<Setting>} change
   */
  change(change, ongoing = false) {
    const key = this.chosenKey();
    if (key && !key.locked) this[ongoing ? "show" : "edit"](editKeyframe(this.present, key.id, change));
  }

  /** @param {Partial<import("./model.js").Segment>} change */
  changeSegment(change, ongoing = false) {
    const index = this.chosenIndex();
    if (this.chosenSegment()) this[ongoing ? "show" : "edit"](editSegment(this.present, index, change));
  }

  /**
   * `key` on the legal frame nearest to `frame`; null where another keyframe is.
   * @param {Content} base
   * @param {Key} key
   * @param {number} frame
   */
  movedTo(base, key, frame) {
    const at = snapToGrid(this.clamped(frame), this.numFrames, this.clip.row.key_multiple);
    if (at === key.asked) return base; // as it was written: `50%` stays `50%`
    if (this.keys.some((other) => other.id !== key.id && other.at === at)) return null;
    return editKeyframe(base, key.id, { position: positionOf(at, this.numFrames) });
  }

  /**
   * By legal frames; those that are taken are passed over.
   * @param {Key} key
   * @param {number} steps
   */
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

  /**
   * A prompt from that frame on; where one has the same frames, that one.
   * @param {number} at
   */
  addPrompt(at) {
    const next = this.present.prompts.map((one) => one.start).filter((start) => start > at);
    const start = this.present.prompts.length ? at : 0;
    const end = Math.min(this.numFrames, ...next);
    const same = this.present.prompts.findIndex((one) => one.start === start && one.end === end);
    if (same < 0) this.edit(addSegment(this.present, { start, end, text: "" }));
    this.choose(`prompt:${same < 0 ? this.present.prompts.length - 1 : same}`);
    this.view.inspector.text.focus();
  }

  /** @param {string} text */
  setLength(text) {
    const asked = Math.min(MAX_LENGTH, Math.max(0, Math.round(Number(text)) || 0));
    const multiple = this.clip.row.frames_multiple;
    const length = asked && snapLength(asked, multiple);
    this.edit(length === this.present.length ? this.present : { ...this.present, length });
    if (length !== asked) this.say(this.words.lengthSnapped(asked, length, multiple));
    this.view.bar.length.value = String(length || "");
  }

  /** @param {string} text */
  setFps(text) {
    const fps = Math.min(120, Math.max(0, Number(text) || 0));
    this.edit(fps === this.present.fps ? this.present : { ...this.present, fps });
    this.view.bar.rate.value = String(fps || "");
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

  /** @param {string | null} id */
  choose(id) {
    this.settle(); // what is typed or pulled belongs to what was selected
    this.chosen = id;
    const key = this.chosenKey();
    if (key) this.playhead = key.at;
    this.render();
    this.view.reveal();
  }

  /**
   * The next keyframe in time.
   * @param {1 | -1} way
   */
  chooseNext(way) {
    const order = [...this.keys].sort((a, b) => a.at - b.at);
    const now = order.findIndex((key) => key.id === this.chosen);
    const next = now < 0 ? order.find((key) => key.at >= this.playhead) ?? order[0] : order[now + way];
    if (next) this.choose(next.id);
  }

  /** @param {number} frame */
  clamped(frame) {
    return Math.max(0, Math.min(this.numFrames - 1, frame));
  }

  /** @param {number} frame */
  seek(frame) {
    this.playhead = this.clamped(frame);
    this.render();
    this.view.reveal();
  }

  play() {
    if (this.player.isPlaying) return this.pause();
    this.from = this.playhead === this.numFrames - 1 ? 0 : this.playhead;
    this.player.start();
    this.render();
  }

  /** @param {number} seconds since it began */
  playing(seconds) {
    const frame = (this.from + Math.floor(seconds * this.fps)) % this.numFrames;
    if (frame !== this.playhead) this.seek(frame);
  }

  pause() {
    this.player.stop();
    this.render();
  }

  /**
   * In the place of a problem, for a while.
   * @param {string} note
   */
  say(note) {
    this.note = note;
    clearTimeout(this.noteTimer);
    if (note) this.noteTimer = setTimeout(() => this.say(""), NOTE_MS);
    this.render();
  }

  /** What would stop the node; "" for nothing. */
  problem() {
    return problemOf(this);
  }

  focus() {
    this.root.focus({ preventScroll: true });
  }

  render() {
    this.legal = legalFrames(this.numFrames, this.clip.row.key_multiple);
    this.playhead = this.clamped(this.playhead);
    this.keys = placeKeys(this.clip, this.present, this.host.url, this.numFrames, this.fps);
    if (this.chosen && !this.chosenKey() && !this.chosenSegment()) this.chosen = null;
    this.view.render();
  }
}
