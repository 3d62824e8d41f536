// Where keyframes may be: the rules of anisora_core/conditioning/timeline.py and domain/grid.py once more, for the
// browser. tests/web/test_timeline.py holds the two against each other.

export const MAX_LENGTH = 4097; // of the node's input
const WHOLE = /^[+-]?\d+(_\d+)*$/;
const DECIMAL = /^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+(_\d+)*)?$/;

/**
 * Python's round: halves go to the even neighbour.
 * @param {number} x
 */
export function roundHalfEven(x) {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(x);
}

/**
 * `12`, `0.5s`, `50%`, `first`, `last` -> frame; null for any other text and for a place outside the clip.
 * @param {string} text
 * @param {number} numFrames
 * @param {number} fps
 */
export function parsePosition(text, numFrames, fps) {
  const frame = frameOf(text.trim().toLowerCase(), numFrames, fps);
  return frame >= 0 && frame < numFrames ? frame : null;
}

/**
 * @param {string} word
 * @param {number} numFrames
 * @param {number} fps
 */
function frameOf(word, numFrames, fps) {
  if (word === "first") return 0;
  if (word === "last") return numFrames - 1;
  if (word.endsWith("%")) {
    const share = decimal(word.slice(0, -1));
    return share > 100 ? numFrames : Math.floor(((numFrames - 1) * share) / 100);
  }
  if (word.endsWith("s")) return roundHalfEven(decimal(word.slice(0, -1)) * fps);
  return WHOLE.test(word) ? Number(word.replaceAll("_", "")) : NaN;
}

/** @param {string} word */
function decimal(word) {
  const trimmed = word.trim();
  return DECIMAL.test(trimmed) ? Number(trimmed.replaceAll("_", "")) : NaN;
}

/**
 * The frame a release takes instead of `frame`.
 * @param {number} frame
 * @param {number} numFrames
 * @param {number | null} keyMultiple null: it takes the first frame only
 */
export function snapToGrid(frame, numFrames, keyMultiple) {
  if (keyMultiple === null) return 0;
  const lastLegal = Math.floor((numFrames - 1) / keyMultiple) * keyMultiple;
  return Math.min(roundHalfEven(frame / keyMultiple) * keyMultiple, lastLegal);
}

/**
 * @param {number} numFrames
 * @param {number | null} keyMultiple
 */
export function legalFrames(numFrames, keyMultiple) {
  const count = keyMultiple === null ? 1 : Math.floor((numFrames - 1) / keyMultiple) + 1;
  return Array.from({ length: count }, (_, i) => i * (keyMultiple ?? 1));
}

/**
 * The legal length, 1 + a multiple, closest to `length`; of two equally close ones the longer.
 * @param {number} length
 * @param {number} framesMultiple
 */
export function snapLength(length, framesMultiple) {
  return Math.floor(Math.max(0, length - 1 + Math.floor(framesMultiple / 2)) / framesMultiple) * framesMultiple + 1;
}

/**
 * A frame as the value writes it: the ends stay the ends when the length changes.
 * @param {number} frame
 * @param {number} numFrames
 */
export function positionOf(frame, numFrames) {
  if (frame === 0) return "first";
  return frame === numFrames - 1 ? "last" : String(frame);
}
