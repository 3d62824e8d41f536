// A painting and its changes, as values: { width, height, areas: [{ id, name, color, still, keys: [{ frame, mask }] }] }.
import { between, blank } from "./raster.js";

export const COLORS = ["#ff4f9a", "#2fc4ff", "#ffc233", "#6fe05a", "#b98aff", "#ff8146"];

export const emptyPainting = (width, height) => ({ width, height, areas: [] });

export function addArea(painting, { id, name, still }) {
  const used = painting.areas.map((area) => area.color);
  const color = COLORS.find((one) => !used.includes(one)) ?? COLORS[used.length % COLORS.length];
  return { ...painting, areas: [...painting.areas, { id, name, color, still, keys: [] }] };
}

export const changeArea = (painting, id, fields) => ({
  ...painting,
  areas: painting.areas.map((area) => (area.id === id ? { ...area, ...fields } : area)),
});

export const removeArea = (painting, id) => ({
  ...painting,
  areas: painting.areas.filter((area) => area.id !== id),
});

export function setShape(painting, id, frame, mask) {
  const { keys } = painting.areas.find((area) => area.id === id);
  const others = keys.filter((key) => key.frame !== frame);
  const sorted = [...others, { frame, mask }].sort((a, b) => a.frame - b.frame);
  return changeArea(painting, id, { keys: sorted });
}

export function removeShape(painting, id, frame) {
  const { keys } = painting.areas.find((area) => area.id === id);
  return changeArea(painting, id, { keys: keys.filter((key) => key.frame !== frame) });
}

// Where a stroke at `frame` goes: an area with one shape has it for the whole clip, until it is given a second one.
export const strokeFrame = (area, frame) => (area.keys.length === 1 ? area.keys[0].frame : frame);

// The area's mask at a frame; the last one made is kept, as it is asked for with every move of the pen.
const made = new WeakMap();

export function shapeAt(painting, area, frame) {
  const { keys } = area;
  if (!keys.length) return blank(painting);
  const next = keys.findIndex((key) => key.frame >= frame);
  if (next < 0) return keys.at(-1).mask;
  if (next === 0 || keys[next].frame === frame) return keys[next].mask;
  const [earlier, later] = [keys[next - 1], keys[next]];
  if (made.get(area)?.frame !== frame) {
    const share = (frame - earlier.frame) / (later.frame - earlier.frame);
    made.set(area, { frame, mask: between(painting, earlier.mask, later.mask, share) });
  }
  return made.get(area).mask;
}

// What was, is and was undone.
export const historyOf = (painting) => ({ past: [], now: painting, future: [] });
export const did = ({ past, now }, painting) => ({ past: [...past.slice(-99), now], now: painting, future: [] });
export const undo = ({ past, now, future }) =>
  past.length ? { past: past.slice(0, -1), now: past.at(-1), future: [now, ...future] } : { past, now, future };
export const redo = ({ past, now, future }) =>
  future.length ? { past: [...past, now], now: future[0], future: future.slice(1) } : { past, now, future };
