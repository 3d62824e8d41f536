// A painting and its changes, as values.
import { between, blank } from "./raster.js";

/**
 * @typedef {import("./raster.js").Mask} Mask
 * @typedef {import("./raster.js").Size} Size
 * @typedef {{frame: number, mask: Mask}} Shape
 * @typedef {{id: string, name: string, color: string, still: boolean, keys: Shape[]}} Area keys in the order of time
 * @typedef {Size & {areas: Area[]}} Painting
 * @typedef {{past: Painting[], now: Painting, future: Painting[]}} History
 */

export const COLORS = ["#ff4f9a", "#2fc4ff", "#ffc233", "#6fe05a", "#b98aff", "#ff8146"];
export const LONG_SIDE = 512; // px of a painting's longer side

/** @returns {Painting} square, until a drawing gives it its shape */
export const emptyPainting = () => ({ width: LONG_SIDE, height: LONG_SIDE, areas: [] });

/**
 * @param {Painting} painting
 * @param {string | null} id
 */
export function areaOf(painting, id) {
  const found = painting.areas.find((area) => area.id === id);
  if (!found) throw new Error(`the painting has no area ${id}`);
  return found;
}

/**
 * @param {Painting} painting
 * @param {{id: string, name: string, still: boolean}} area
 * @returns {Painting}
 */
export function addArea(painting, { id, name, still }) {
  const used = painting.areas.map((area) => area.color);
  const color = COLORS.find((one) => !used.includes(one)) ?? COLORS[used.length % COLORS.length];
  return { ...painting, areas: [...painting.areas, { id, name, color, still, keys: [] }] };
}

/**
 * @param {Painting} painting
 * @param {string} id
 * @param {Partial<Area>} fields
 * @returns {Painting}
 */
export const changeArea = (painting, id, fields) => ({
  ...painting,
  areas: painting.areas.map((area) => (area.id === id ? { ...area, ...fields } : area)),
});

/**
 * @param {Painting} painting
 * @param {string} id
 * @returns {Painting}
 */
export const removeArea = (painting, id) => ({
  ...painting,
  areas: painting.areas.filter((area) => area.id !== id),
});

/**
 * @param {Painting} painting
 * @param {string} id
 * @param {number} frame
 * @param {Mask} mask
 */
export function setShape(painting, id, frame, mask) {
  const { keys } = areaOf(painting, id);
  const others = keys.filter((key) => key.frame !== frame);
  const sorted = [...others, { frame, mask }].sort((a, b) => a.frame - b.frame);
  return changeArea(painting, id, { keys: sorted });
}

/**
 * @param {Painting} painting
 * @param {string} id
 * @param {number} frame
 */
export function removeShape(painting, id, frame) {
  const { keys } = areaOf(painting, id);
  return changeArea(painting, id, { keys: keys.filter((key) => key.frame !== frame) });
}

/**
 * Where a stroke at `frame` goes: an area with one shape has it for the whole clip, until it is given a second one.
 * @param {Area} area
 * @param {number} frame
 */
export const strokeFrame = (area, frame) => (area.keys.length === 1 ? area.keys[0].frame : frame);

/** @type {WeakMap<Area, Shape>} the last one made, as it is asked for with every move of the pen */
const made = new WeakMap();

/**
 * The area's mask at a frame.
 * @param {Size} size
 * @param {Area} area
 * @param {number} frame
 * @returns {Mask}
 */
export function shapeAt(size, area, frame) {
  const { keys } = area;
  if (!keys.length) return blank(size);
  const next = keys.findIndex((key) => key.frame >= frame);
  if (next < 0) return keys[keys.length - 1].mask;
  if (next === 0 || keys[next].frame === frame) return keys[next].mask;
  const [earlier, later] = [keys[next - 1], keys[next]];
  const known = made.get(area);
  if (known?.frame === frame) return known.mask;
  const share = (frame - earlier.frame) / (later.frame - earlier.frame);
  const mask = between(size, earlier.mask, later.mask, share);
  made.set(area, { frame, mask });
  return mask;
}

const MAX_UNDO = 100;

/**
 * @param {Painting} painting
 * @returns {History}
 */
export const historyOf = (painting) => ({ past: [], now: painting, future: [] });

/**
 * @param {History} history
 * @param {Painting} painting
 * @returns {History}
 */
export const did = ({ past, now }, painting) => ({
  past: [...past.slice(1 - MAX_UNDO), now],
  now: painting,
  future: [],
});

/**
 * @param {History} history
 * @returns {History}
 */
export function undo({ past, now, future }) {
  if (!past.length) return { past, now, future };
  return { past: past.slice(0, -1), now: past[past.length - 1], future: [now, ...future] };
}

/**
 * @param {History} history
 * @returns {History}
 */
export function redo({ past, now, future }) {
  if (!future.length) return { past, now, future };
  return { past: [...past, now], now: future[0], future: future.slice(1) };
}
