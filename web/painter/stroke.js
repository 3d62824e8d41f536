// One pull of a tool over the painting. Nothing of it is kept before it ends.
import { blank, bucket, paint, polygon, stamp, united } from "./raster.js";

/**
 * @typedef {"brush" | "eraser" | "rectangle" | "lasso" | "fill"} Tool
 * @typedef {import("./raster.js").Box} Box
 * @typedef {import("./raster.js").Dab} Dab
 * @typedef {import("./raster.js").Mask} Mask
 * @typedef {import("./raster.js").Point} Point
 * @typedef {import("./raster.js").Size} Size
 */

/** @type {Tool[]} */
export const TOOLS = ["brush", "eraser", "rectangle", "lasso", "fill"];

/**
 * Whether the tool paints where it touches, instead of what its whole pull says.
 * @param {Tool} tool
 */
export const isTouching = (tool) => tool === "brush" || tool === "eraser";

export class Stroke {
  /**
   * @param {Tool} tool
   * @param {boolean} erase
   * @param {Size} size
   * @param {Mask} mask what it is pulled over
   * @param {number} pointer the id of what pulls it
   */
  constructor(tool, erase, size, mask, pointer) {
    this.tool = tool;
    this.erase = erase;
    this.size = size;
    this.mask = mask;
    this.pointer = pointer;
    this.cover = blank(size);
    this.live = mask; // as it is shown meanwhile
    /** @type {Dab[]} */
    this.dabs = [];
    /** @type {Box | null} what was touched since it was last shown */
    this.touched = null;
  }

  /**
   * @param {Dab} dab
   * @param {number} softness 0..1
   */
  extend(dab, softness) {
    const from = this.dabs.at(-1) ?? dab;
    this.dabs.push(dab);
    if (!isTouching(this.tool)) return;
    const box = stamp(this.cover, this.size, from, dab, softness);
    this.touched = this.touched ? united(this.touched, box) : box;
  }

  /** Brings `live` up to date -> the box that is to be shown again, or null. */
  show() {
    const box = this.touched;
    this.touched = null;
    if (box) this.live = paint(this.mask, this.cover, this.erase);
    return box;
  }

  /** @returns {Point[] | null} of a tool that surrounds what it paints */
  outline() {
    if (this.tool === "lasso") return this.dabs;
    if (this.tool !== "rectangle") return null;
    const [a, b] = [this.dabs[0], this.dabs[this.dabs.length - 1]];
    return [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];
  }

  /**
   * What the whole stroke covers; null where it is to change nothing.
   * @param {Uint8ClampedArray | null} pixels of the drawing, for the bucket
   */
  finish(pixels) {
    const outline = this.outline();
    if (outline) return polygon(this.size, outline);
    if (this.tool !== "fill") return this.cover;
    const [x, y] = [Math.floor(this.dabs[0].x), Math.floor(this.dabs[0].y)];
    if (x < 0 || y < 0 || x >= this.size.width || y >= this.size.height) return null;
    return bucket(this.size, this.mask, pixels, x, y, this.erase);
  }
}
