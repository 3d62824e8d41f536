// What is painted, what of it is looked at and with which tool. Every edit is here; what is on the page is not.
import * as model from "./model.js";
import { blank, paint } from "./raster.js";
import { Stroke, isTouching } from "./stroke.js";

/**
 * @typedef {import("./model.js").Area} Area
 * @typedef {import("./model.js").Mask} Mask
 * @typedef {import("./model.js").Painting} Painting
 * @typedef {import("./stroke.js").Tool} Tool
 *
 * @typedef {object} Scene what the graph around the painter says of the clip
 * @property {number} frames
 * @property {number} fps
 * @property {string} fit "crop" or "stretch"
 * @property {boolean} invert what is painted stays still, the rest may move
 * @property {{frame: number, url: string | null, label: string}[]} keyframes by frame; without url until a run
 * @property {string | null} subject address of the mask that comes in beside the painting
 * @property {boolean} unseen a subject that only a run will show
 *
 * @typedef {object} Host
 * @property {import("./text.js").Words} words
 * @property {() => Scene} scene
 * @property {(painting: Painting) => void} changed called after every change that is to be kept
 * @property {(on: boolean) => void} setInvert the scene follows
 */

export class Editor {
  /**
   * @param {Host} host
   * @param {() => void} redraw
   */
  constructor(host, redraw) {
    this.host = host;
    this.words = host.words;
    this.redraw = redraw;
    this.scene = host.scene();
    this.history = model.historyOf(model.emptyPainting());
    /** @type {Tool} */
    this.tool = "brush";
    this.frame = 0;
    /** @type {string | null} id of the area that is painted */
    this.active = null;
    this.onion = false;
    /** @type {Stroke | null} while something is pulled */
    this.stroke = null;
    /** @type {Mask | null} the scene's, at the painting's size */
    this.subject = null;
    /** @type {Uint8ClampedArray | null} RGBA of the drawing behind, for the bucket */
    this.pixels = null;
    this.warning = "";
    this.lastId = 0;
  }

  get painting() {
    return this.history.now;
  }

  /** The area that is painted, if there is any. */
  get area() {
    return this.painting.areas.find((one) => one.id === this.active);
  }

  /** The active area's shape at exactly this frame. */
  get shape() {
    return this.area?.keys.find((key) => key.frame === this.frame);
  }

  /** @param {Area} area */
  maskOf(area) {
    return model.shapeAt(this.painting, area, this.frame);
  }

  /** Nothing was ever painted, so the painting may still take another shape. */
  isEmpty() {
    const { past, now, future } = this.history;
    return [...past, now, ...future].every((one) => one.areas.every((area) => !area.keys.length));
  }

  // ---- what is kept

  /**
   * One step of undo.
   * @param {Painting} next
   */
  commit(next) {
    this.history = model.did(this.history, next);
    this.warning = "";
    this.kept();
  }

  undo() {
    this.history = model.undo(this.history);
    this.kept();
  }

  redo() {
    this.history = model.redo(this.history);
    this.kept();
  }

  kept() {
    if (!this.area) this.active = this.painting.areas.at(-1)?.id ?? null;
    this.redraw();
    this.host.changed(this.painting);
  }

  // ---- areas

  /**
   * @param {Painting} to
   * @param {string} name
   * @param {boolean} still
   */
  withArea(to, name, still) {
    this.lastId += 1;
    const id = `new ${this.lastId}`;
    return { id, painting: model.addArea(to, { id, name, still }) };
  }

  /** The painting with one more area, which becomes the active one. */
  withNewArea() {
    const taken = this.painting.areas.map((one) => one.name);
    let number = taken.length + 1;
    while (taken.includes(this.words.area(number))) number += 1;
    const { id, painting } = this.withArea(this.painting, this.words.area(number), false);
    this.active = id;
    return painting;
  }

  addArea() {
    this.commit(this.withNewArea());
  }

  /** @param {string} id */
  toggleStill(id) {
    const { still } = model.areaOf(this.painting, id);
    this.commit(model.changeArea(this.painting, id, { still: !still }));
  }

  /**
   * @param {string} id
   * @param {string} name
   */
  rename(id, name) {
    this.commit(model.changeArea(this.painting, id, { name }));
  }

  /** @param {string} id */
  removeArea(id) {
    this.commit(model.removeArea(this.painting, id));
  }

  // ---- shapes of the active area

  clear() {
    const area = model.areaOf(this.painting, this.active);
    this.commit(model.setShape(this.painting, area.id, model.strokeFrame(area, this.frame), blank(this.painting)));
  }

  addShape() {
    const area = model.areaOf(this.painting, this.active);
    this.commit(model.setShape(this.painting, area.id, this.frame, this.maskOf(area)));
  }

  /** The shape before this frame. */
  copyShape() {
    const { id, keys } = model.areaOf(this.painting, this.active);
    const before = keys.findLast((key) => key.frame < this.frame);
    if (before) this.commit(model.setShape(this.painting, id, this.frame, before.mask));
  }

  removeShape() {
    const { id } = model.areaOf(this.painting, this.active);
    this.commit(model.removeShape(this.painting, id, this.frame));
  }

  // ---- strokes

  /**
   * @param {number} pointer
   * @param {{isEraser: boolean, alt: boolean}} how `isEraser`: the pen's other end or the right button
   */
  beginStroke(pointer, { isEraser, alt }) {
    const touches = isTouching(this.tool);
    const erase = isEraser || (touches ? this.tool === "eraser" : alt);
    // The area that a first stroke needs is no step of its own.
    if (!this.area) this.history = { ...this.history, now: this.withNewArea() };
    const mask = this.maskOf(model.areaOf(this.painting, this.active));
    this.stroke = new Stroke(isEraser && touches ? "eraser" : this.tool, erase, this.painting, mask, pointer);
    return this.stroke;
  }

  /** @param {Stroke} stroke */
  endStroke(stroke) {
    this.stroke = null;
    const cover = stroke.finish(this.pixels);
    if (!cover) return this.redraw();
    const area = model.areaOf(this.painting, this.active);
    const mask = paint(stroke.mask, cover, stroke.erase);
    const painted = model.setShape(this.painting, area.id, model.strokeFrame(area, this.frame), mask);
    this.commit(stroke.erase && !area.still ? this.cutFromSubject(painted, cover) : painted);
  }

  cancelStroke() {
    this.stroke = null;
    this.redraw();
  }

  /**
   * The subject is no area: what is erased of it becomes an area that stays still.
   * @param {Painting} painted
   * @param {Mask} cover
   */
  cutFromSubject(painted, cover) {
    if (!this.subject?.some((value, at) => value && cover[at])) return painted;
    const known = painted.areas.find((one) => one.still);
    const { id, painting } = known
      ? { id: known.id, painting: painted }
      : this.withArea(painted, this.words.cutOut, true);
    const target = model.areaOf(painting, id);
    const mask = paint(model.shapeAt(painting, target, this.frame), cover, false);
    return model.setShape(painting, id, model.strokeFrame(target, this.frame), mask);
  }

  // ---- what is looked at

  /** @param {number} frame */
  seek(frame) {
    this.frame = frame;
    this.redraw();
  }

  /** Look again at what the host says -> whether it is something else. */
  refresh() {
    const next = this.host.scene();
    if (this.stroke || JSON.stringify(next) === JSON.stringify(this.scene)) return false;
    this.scene = next;
    this.frame = Math.min(this.frame, next.frames - 1);
    return true;
  }

  /** @param {Painting} painting */
  load(painting) {
    this.history = model.historyOf(painting);
    this.active = painting.areas[0]?.id ?? null;
    this.warning = "";
  }
}
