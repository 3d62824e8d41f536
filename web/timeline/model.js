// What is on the strip, as plain values; every edit is a function from one to the next, so undo is keeping the last.

/**
 * @typedef {{image: string, position: string, strength?: number}} OwnKeyframe and whatever else its row holds
 * @typedef {{start: number, end: number, text: string}} Segment frames start..end - 1
 * @typedef {{position: string, strength: number}} Setting of a keyframe
 *
 * @typedef {object} Value of the node
 * @property {string} [text] as it was read; an edit drops it
 * @property {Record<string, unknown>} rest what else it holds
 * @property {OwnKeyframe[]} own
 * @property {Segment[]} prompts
 *
 * @typedef {object} Around what the strip shows and edits of the nodes around it
 * @property {Record<string, Setting>} linked by id of their node
 * @property {number} length 0: the release's
 * @property {number} fps 0: the release's
 *
 * @typedef {Value & Around} Content
 * @typedef {{past: Content[], present: Content, future: Content[]}} History
 */

const VERSION = 1;
const MAX_UNDO = 200;
const MIN_STRENGTH = 0.05;

/**
 * Throws where the text is not a timeline.
 * @param {string} text
 * @returns {Value}
 */
export function readValue(text) {
  if (!text.trim()) return { text, rest: {}, own: [], prompts: [] };
  const { keyframes, prompts = [], ...rest } = JSON.parse(text);
  if ((rest.version ?? VERSION) !== VERSION) throw new Error(`version ${rest.version}`);
  const own = keyframes.map((/** @type {OwnKeyframe} */ row) => ({ ...row, image: String(row.image), position: String(row.position) }));
  /** @param {Segment} one */
  const isSegment = (one) => typeof one.text === "string" && Number.isInteger(one.start) && Number.isInteger(one.end);
  if (!prompts.every(isSegment)) throw new Error("prompts");
  return { text, rest, own, prompts };
}

/**
 * Byte for byte what was read as long as nothing was edited; "" for an empty strip.
 * @param {Value} value
 */
export function writeValue({ text, rest, own, prompts }) {
  if (text !== undefined) return text;
  const { version: _, ...unknown } = rest;
  if (!own.length && !prompts.length && !Object.keys(unknown).length) return "";
  return JSON.stringify({ version: VERSION, ...rest, keyframes: own, prompts });
}

// Ids: "own:<index>" for rows of the value, "linked:<node id>" for keyframes that come along the wire.
/** @param {string} id */
const split = (id) => [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)];

/**
 * Changes a keyframe, own or linked.
 * @param {Content} strip
 * @param {string} id
 * @param {Partial<OwnKeyframe>} change
 * @returns {Content}
 */
export function editKeyframe(strip, id, change) {
  const [kind, key] = split(id);
  if (kind === "linked") {
    return { ...strip, linked: { ...strip.linked, [key]: { ...strip.linked[key], ...change } } };
  }
  return edited(strip, { own: strip.own.map((row, i) => (String(i) === key ? { ...row, ...change } : row)) });
}

/**
 * @param {Content} strip
 * @param {string} image
 * @param {string} position
 */
export function addKeyframe(strip, image, position) {
  return edited(strip, { own: [...strip.own, { image, position, strength: 1 }] });
}

/**
 * @param {Content} strip
 * @param {string} id
 */
export function removeKeyframe(strip, id) {
  return edited(strip, { own: strip.own.filter((_, i) => `own:${i}` !== id) });
}

/**
 * @param {Content} strip
 * @param {Segment} segment
 */
export function addSegment(strip, segment) {
  return edited(strip, { prompts: [...strip.prompts, segment] });
}

/**
 * @param {Content} strip
 * @param {number} index
 * @param {Partial<Segment>} change
 */
export function editSegment(strip, index, change) {
  return edited(strip, { prompts: strip.prompts.map((one, i) => (i === index ? { ...one, ...change } : one)) });
}

/**
 * @param {Content} strip
 * @param {number} index
 */
export function removeSegment(strip, index) {
  return edited(strip, { prompts: strip.prompts.filter((_, i) => i !== index) });
}

/**
 * @param {Content} strip
 * @param {Partial<Content>} change
 * @returns {Content}
 */
function edited(strip, change) {
  return { ...strip, ...change, text: undefined };
}

/** @param {number} value */
export function clampStrength(value) {
  return Math.min(1, Math.max(MIN_STRENGTH, Math.round(value * 100) / 100 || 1));
}

/**
 * The row of each segment, so that those which overlap lie under each other.
 * @param {Segment[]} prompts
 */
export function lanesOf(prompts) {
  /** @type {number[]} of the last segment in each row */
  const ends = [];
  /** @type {number[]} */
  const lanes = new Array(prompts.length);
  const inOrder = prompts.map((_, i) => i).sort((a, b) => prompts[a].start - prompts[b].start || a - b);
  for (const i of inOrder) {
    const free = ends.findIndex((end) => end <= prompts[i].start);
    lanes[i] = free < 0 ? ends.length : free;
    ends[lanes[i]] = prompts[i].end;
  }
  return lanes;
}

/**
 * @param {Content} present
 * @returns {History}
 */
export const history = (present) => ({ past: [], present, future: [] });

/**
 * @param {History} history
 * @param {Content} next
 * @param {Content} before what undo returns to: the present, or the state a drag began at
 * @returns {History}
 */
export function commit({ past, present }, next, before = present) {
  return { past: [...past.slice(1 - MAX_UNDO), before], present: next, future: [] };
}

/**
 * @param {History} history one that has a past
 * @returns {History}
 */
export function undo({ past, present, future }) {
  return { past: past.slice(0, -1), present: past[past.length - 1], future: [present, ...future] };
}

/**
 * @param {History} history one that has a future
 * @returns {History}
 */
export function redo({ past, present, future }) {
  return { past: [...past, present], present: future[0], future: future.slice(1) };
}

/**
 * A change that came from elsewhere (the node's own fields, other nodes): undo keeps it.
 * @param {History} history
 * @param {Partial<Around>} change
 * @returns {History}
 */
export function rebase({ past, present, future }, change) {
  /** @param {Content} strip */
  const changed = (strip) => ({ ...strip, ...change, linked: { ...strip.linked, ...change.linked } });
  return { past: past.map(changed), present: changed(present), future: future.map(changed) };
}
