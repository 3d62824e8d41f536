// Masks and what is done to their pixels. A mask is a Uint8ClampedArray of width * height, row by row, 255 = may move;
// it is never changed once it is in a painting, so that undo keeps masks instead of copies.
import { offscreen } from "../page.js";

/**
 * @typedef {Uint8ClampedArray} Mask
 * @typedef {{width: number, height: number}} Size
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box right and bottom are outside
 * @typedef {{x: number, y: number}} Point
 * @typedef {Point & {radius: number}} Dab where the brush touches, and how wide
 */

/**
 * @param {Size} size
 * @returns {Mask}
 */
export const blank = ({ width, height }) => new Uint8ClampedArray(width * height);

/** @param {Mask} mask */
export const isBlank = (mask) => mask.every((value) => value === 0);

/**
 * @param {Box} a
 * @param {Box} b
 * @returns {Box}
 */
export const united = (a, b) => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
});

/**
 * A soft capsule between two dabs into `cover`, which keeps the larger value, so that a stroke does not darken where it
 * crosses itself.
 * @param {Mask} cover
 * @param {Size} size
 * @param {Dab} from
 * @param {Dab} to
 * @param {number} softness 0..1
 * @returns {Box} what it touched
 */
export function stamp(cover, { width, height }, from, to, softness) {
  const reach = Math.max(from.radius, to.radius) + 1;
  const box = {
    left: Math.max(0, Math.floor(Math.min(from.x, to.x) - reach)),
    top: Math.max(0, Math.floor(Math.min(from.y, to.y) - reach)),
    right: Math.min(width, Math.ceil(Math.max(from.x, to.x) + reach)),
    bottom: Math.min(height, Math.ceil(Math.max(from.y, to.y) + reach)),
  };
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = dx * dx + dy * dy;
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++) {
      const px = x + 0.5 - from.x;
      const py = y + 0.5 - from.y;
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const radius = from.radius + (to.radius - from.radius) * along;
      const edge = Math.max(1, radius * softness);
      const inside = (radius + 0.5 - Math.hypot(px - along * dx, py - along * dy)) / edge;
      if (inside <= 0) continue;
      const share = Math.min(1, inside);
      const value = 255 * share * share * (3 - 2 * share);
      const at = y * width + x;
      if (value > cover[at]) cover[at] = value;
    }
  }
  return box;
}

/**
 * The mask with what is covered painted, or taken away.
 * @param {Mask} mask
 * @param {Mask} cover
 * @param {boolean} erase
 * @returns {Mask}
 */
export function paint(mask, cover, erase) {
  const painted = new Uint8ClampedArray(mask);
  for (let at = 0; at < mask.length; at++) {
    painted[at] = erase ? Math.min(mask[at], 255 - cover[at]) : Math.max(mask[at], cover[at]);
  }
  return painted;
}

/**
 * What a closed line of points covers.
 * @param {Size} size
 * @param {Point[]} points
 * @returns {Mask}
 */
export function polygon({ width, height }, points) {
  const context = offscreen(width, height);
  context.beginPath();
  for (const { x, y } of points) context.lineTo(x, y);
  context.fill("evenodd");
  const { data } = context.getImageData(0, 0, width, height);
  return Uint8ClampedArray.from({ length: width * height }, (_, at) => data[at * 4 + 3]);
}

/**
 * What a click on (x, y) fills: a painted patch (to take it away), the inside of a painted outline, or else the patch of
 * like colour of the drawing; grown by two pixels, which closes the seam to the line.
 * @param {Size} size
 * @param {Mask} mask
 * @param {Uint8ClampedArray | null} pixels RGBA of the drawing, where it is known
 * @param {number} x
 * @param {number} y
 * @param {boolean} erase
 */
export function bucket(size, mask, pixels, x, y, erase) {
  const start = y * size.width + x;
  if (erase) return grow(size, flood(size, start, (at) => mask[at] > 0).cover, 2);
  /** @param {number} at */
  const open = (at) => mask[at] < 128;
  let filled = flood(size, start, open);
  if (filled.reachesBorder && pixels) {
    filled = flood(size, start, (at) => open(at) && isLike(pixels, at, start));
  }
  return grow(size, filled.cover, 2);
}

/**
 * @param {Uint8ClampedArray} pixels
 * @param {number} at
 * @param {number} other
 */
function isLike(pixels, at, other) {
  /** @param {number} channel */
  const near = (channel) => Math.abs(pixels[at * 4 + channel] - pixels[other * 4 + channel]) < 40;
  return near(0) && near(1) && near(2);
}

/**
 * @param {Size} size
 * @param {number} start
 * @param {(at: number) => boolean} open
 */
function flood({ width, height }, start, open) {
  const cover = new Uint8ClampedArray(width * height);
  let reachesBorder = false;
  const stack = [start];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (cover[at] || !open(at)) continue;
    cover[at] = 255;
    const x = at % width;
    if (x > 0) stack.push(at - 1);
    if (x < width - 1) stack.push(at + 1);
    if (at >= width) stack.push(at - width);
    if (at < width * (height - 1)) stack.push(at + width);
    reachesBorder ||= x === 0 || x === width - 1 || at < width || at >= width * (height - 1);
  }
  return { cover, reachesBorder };
}

/**
 * @param {Size} size
 * @param {Mask} cover
 * @param {number} pixels
 * @returns {Mask}
 */
function grow(size, cover, pixels) {
  const distance = signedDistance(size, cover);
  return distance ? Uint8ClampedArray.from(distance, (value) => 255 * (value + pixels + 0.5)) : cover;
}

/**
 * The mask between two others, for the eye; anisora_core/conditioning/areas.py makes the one that counts. Its middle
 * goes straight, and around it the signed distance to the outline is mixed.
 * @param {Size} size
 * @param {Mask} earlier
 * @param {Mask} later
 * @param {number} share of the way to the later one, 0..1
 * @returns {Mask}
 */
export function between(size, earlier, later, share) {
  const { width, height } = size;
  const [a, b] = [fieldOf(size, earlier), fieldOf(size, later)];
  const [start, end] = [a.middle ?? b.middle, b.middle ?? a.middle];
  const way = start && end ? { x: end.x - start.x, y: end.y - start.y } : { x: 0, y: 0 };
  const [before, after] = [a.distance ?? stretched(a, b), b.distance ?? stretched(b, a)];
  /** @param {number} part */
  const moved = (part) => ({ x: Math.round(way.x * part), y: Math.round(way.y * part) });
  const [forth, back] = [moved(share), moved(share - 1)];
  const mask = new Uint8ClampedArray(width * height);
  /** @type {(value: number, limit: number) => number} */
  const inside = (value, limit) => Math.min(limit - 1, Math.max(0, value));
  for (let y = 0; y < height; y++) {
    const rowBefore = inside(y - forth.y, height) * width;
    const rowAfter = inside(y - back.y, height) * width;
    for (let x = 0; x < width; x++) {
      const distance =
        (1 - share) * before[rowBefore + inside(x - forth.x, width)] +
        share * after[rowAfter + inside(x - back.x, width)];
      mask[y * width + x] = 255 * (distance + 0.5);
    }
  }
  return mask;
}

/**
 * @typedef {object} Field
 * @property {Mask} mask
 * @property {Float32Array | null} distance px to the outline, positive inside; null without one
 * @property {Point | null} middle null without an outline
 */

/** @type {WeakMap<Mask, Field>} */
const fields = new WeakMap();

/**
 * @param {Size} size
 * @param {Mask} mask
 */
function fieldOf(size, mask) {
  const known = fields.get(mask);
  if (known) return known;
  const distance = signedDistance(size, mask);
  const field = { mask, distance, middle: distance && middleOf(size, mask) };
  fields.set(mask, field);
  return field;
}

/**
 * The distances of a mask without an outline: the other's shrunk to nothing or grown to everything; with none, a fade.
 * @param {Field} field
 * @param {Field} other
 */
function stretched({ mask }, other) {
  const full = mask[0] > 127;
  if (!other.distance) return new Float32Array(mask.length).fill(full ? 0.5 : -0.5);
  let limit = 0;
  for (const value of other.distance) limit = full ? Math.min(limit, value) : Math.max(limit, value);
  return other.distance.map((value) => value - limit);
}

/**
 * @param {Size} size
 * @param {Mask} mask
 * @returns {Point}
 */
function middleOf({ width }, mask) {
  let [sum, sumX, sumY] = [0, 0, 0];
  mask.forEach((value, at) => {
    sum += value;
    sumX += value * (at % width);
    sumY += value * Math.floor(at / width);
  });
  return { x: sumX / sum, y: sumY / sum };
}

/**
 * @param {Size} size
 * @param {Mask} mask
 * @returns {Float32Array | null}
 */
function signedDistance(size, mask) {
  const toInside = squaredDistance(size, (at) => mask[at] > 127);
  const toOutside = squaredDistance(size, (at) => mask[at] <= 127);
  if (!toInside || !toOutside) return null;
  return toInside.map((value, at) => (value ? 0.5 - Math.sqrt(value) : Math.sqrt(toOutside[at]) - 0.5));
}

/**
 * Squared distance of every pixel to the nearest one that `isGoal`; null when there is none.
 * Felzenszwalb and Huttenlocher 2012: lower envelopes of parabolas, along columns, then rows.
 * @param {Size} size
 * @param {(at: number) => boolean} isGoal
 */
function squaredDistance({ width, height }, isGoal) {
  const far = 1e12;
  const field = Float32Array.from({ length: width * height }, (_, at) => (isGoal(at) ? 0 : far));
  if (field.every((value) => value)) return null;
  const longest = Math.max(width, height);
  const line = new Float64Array(longest);
  const tops = new Int32Array(longest);
  const starts = new Float64Array(longest + 1);
  /** @type {(offset: number, step: number, count: number) => void} */
  const sweep = (offset, step, count) => {
    for (let i = 0; i < count; i++) line[i] = field[offset + i * step];
    let last = 0;
    tops[0] = 0;
    starts[0] = -Infinity;
    starts[1] = Infinity;
    for (let i = 1; i < count; i++) {
      let meet;
      while ((meet = (line[i] + i * i - line[tops[last]] - tops[last] ** 2) / (2 * (i - tops[last]))) <= starts[last]) last--;
      tops[++last] = i;
      starts[last] = meet;
      starts[last + 1] = Infinity;
    }
    for (let i = 0, part = 0; i < count; i++) {
      while (starts[part + 1] < i) part++;
      field[offset + i * step] = line[tops[part]] + (i - tops[part]) ** 2;
    }
  };
  for (let x = 0; x < width; x++) sweep(x, width, height);
  for (let y = 0; y < height; y++) sweep(y * width, 1, width);
  return field;
}
