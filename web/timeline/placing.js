// Where the keyframes are: the frame each was asked for, the one it gets, the frames that are free; and what would stop
// the node.
import { parsePosition, snapLength, snapToGrid } from "./grid.js";

/**
 * @typedef {object} Clip what the node around the strip says
 * @property {string} release
 * @property {Release} row
 * @property {number} length 0: the release's
 * @property {number} fps 0: the release's
 * @property {boolean} lengthLinked another node sets it
 * @property {boolean} fpsLinked
 * @property {string[]} unknown inputs that another node sets to what only a run would tell
 * @property {boolean} isTextLinked another node gives the keyframes' text
 * @property {number} aspect width / height; 0: the first drawing's
 * @property {string} [paper] colour under transparent drawings of the timeline's own
 * @property {boolean} stretch
 * @property {LinkedKeyframe[]} linked
 *
 * @typedef {{id: string, url: string | null, label: string, position: string, strength: number, locked: boolean}} LinkedKeyframe
 *   `locked`: another node sets its position or strength
 * @typedef {LinkedKeyframe & {linked: boolean, asked: number | null, at: number}} Key
 *   `asked`: null for a place outside the clip. `at`: the legal frame it gets
 */

/**
 * All keyframes of the node, its links' first.
 * @param {Clip} clip
 * @param {import("./model.js").Content} content
 * @param {(image: string) => string} urlOf
 * @param {number} numFrames
 * @param {number} fps
 * @returns {Key[]}
 */
export function placeKeys(clip, content, urlOf, numFrames, fps) {
  const linked = clip.linked.map((one) => ({
    ...one, ...content.linked[one.id], id: `linked:${one.id}`, linked: true,
  }));
  const own = content.own.map((row, i) => ({
    id: `own:${i}`, url: urlOf(row.image), label: row.image.replace(/^.*\/|\s\[\w+\]$/g, ""),
    position: row.position, strength: Number(row.strength ?? 1), linked: false, locked: false,
  }));
  return [...linked, ...own].map((key) => {
    const asked = parsePosition(key.position, numFrames, fps);
    return { ...key, asked, at: snapToGrid(asked ?? numFrames - 1, numFrames, clip.row.key_multiple) };
  });
}

/**
 * `count` free legal frames: over the whole clip when it is empty, else from `at` on.
 * @param {import("./strip.js").Strip} strip
 * @param {number} count
 * @param {number} at
 */
export function freeFrames({ legal, keys, numFrames, clip }, count, at) {
  const free = legal.filter((frame) => !keys.some((key) => key.at === frame));
  if (!keys.length && count > 1) {
    /** @param {number} i */
    const spread = (i) => free[Math.round((i * (free.length - 1)) / (count - 1))];
    return [...new Set(Array.from({ length: count }, (_, i) => spread(i)))];
  }
  const snapped = snapToGrid(at, numFrames, clip.row.key_multiple);
  /** @param {number} frame */
  const distance = (frame) => (frame >= snapped ? frame - snapped : numFrames + snapped - frame);
  return free.sort((a, b) => distance(a) - distance(b)).slice(0, count);
}

/**
 * Another keyframe is on the same frame.
 * @param {Key[]} keys
 * @param {Key} key
 */
export const isDoubled = (keys, key) => keys.some((other) => other !== key && other.at === key.at);

/**
 * @param {import("./model.js").Segment} segment
 * @param {number} numFrames
 */
export const isOutside = ({ start, end }, numFrames) => !(start >= 0 && start < end && end <= numFrames);

/**
 * What would stop the node, in its order of reading; "" for nothing.
 * @param {import("./strip.js").Strip} strip
 */
export function problemOf({ words, numFrames, clip, broken, keys, legal, present, pictures }) {
  if (clip.isTextLinked) return words.textLinked;
  if (broken) return words.unreadable;
  const length = snapLength(numFrames, clip.row.frames_multiple);
  if (length !== numFrames) return words.lengthWrong(numFrames, length);
  const lost = keys.find((key) => key.asked === null);
  if (lost) return words.outside(lost.position, numFrames);
  const doubled = keys.find((key) => isDoubled(keys, key));
  if (doubled && legal.length === 1) return words.grid(clip.release, clip.row.key_multiple);
  if (doubled) return words.doubled(doubled.at);
  if (present.prompts.some((one) => isOutside(one, numFrames))) return words.segmentOutside;
  const own = keys.filter((key) => !key.linked); // a linked node tells of its own picture
  const missing = own.find((key) => pictures.of(key.url).missing);
  if (missing) return words.missing(missing.label);
  const damaged = own.find((key) => pictures.of(key.url).damaged);
  return damaged ? words.damaged(damaged.label) : clip.unknown.length ? words.unknown(clip.unknown.join(", ")) : "";
}
