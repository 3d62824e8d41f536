// What is on the strip, as plain values; every edit is a function from one to the next, so undo is keeping the last.

/**
 * @typedef {{image: string, position: string, strength?: number}} OwnKeyframe and whatever else its row holds
 * @typedef {{start: number, end: number, text: string}} Segment frames start..end - 1
 * @typedef {object} Strip
 * @property {string} [text] the value as it was read; an edit drops it
 * @property {object} rest what else the value holds
 * @property {OwnKeyframe[]} own
 * @property {Segment[]} prompts
 * @property {Record<string, {position: string, strength: number}>} linked by id of their node
 * @property {number} length 0: the release's
 * @property {number} fps 0: the release's
 */

const VERSION = 1;
const MAX_UNDO = 200;
const MIN_STRENGTH = 0.05;

/** The node's text -> {text, rest, own, prompts}. Throws where it is not a timeline. */
export function readValue(text) {
  if (!text.trim()) return { text, rest: {}, own: [], prompts: [] };
  const { keyframes, prompts = [], ...rest } = JSON.parse(text);
  if ((rest.version ?? VERSION) !== VERSION) throw new Error(`version ${rest.version}`);
  const own = keyframes.map((row) => ({ ...row, image: String(row.image), position: String(row.position) }));
  const isSegment = (one) => typeof one.text === "string" && Number.isInteger(one.start) && Number.isInteger(one.end);
  if (!prompts.every(isSegment)) throw new Error("prompts");
  return { text, rest, own, prompts };
}

/** Byte for byte what was read as long as nothing was edited; "" for an empty strip. */
export function writeValue({ text, rest, own, prompts }) {
  if (text !== undefined) return text;
  const { version: _, ...unknown } = rest;
  if (!own.length && !prompts.length && !Object.keys(unknown).length) return "";
  return JSON.stringify({ version: VERSION, ...rest, keyframes: own, prompts });
}

// Ids: "own:<index>" for rows of the value, "linked:<node id>" for keyframes that come along the wire.
const split = (id) => [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)];

/** Change position or strength of a keyframe, own or linked. */
export function editKeyframe(strip, id, change) {
  const [kind, key] = split(id);
  if (kind === "linked") {
    return { ...strip, linked: { ...strip.linked, [key]: { ...strip.linked[key], ...change } } };
  }
  return edited(strip, { own: strip.own.map((row, i) => (String(i) === key ? { ...row, ...change } : row)) });
}

export function addKeyframe(strip, image, position) {
  return edited(strip, { own: [...strip.own, { image, position, strength: 1 }] });
}

export function removeKeyframe(strip, id) {
  return edited(strip, { own: strip.own.filter((_, i) => `own:${i}` !== id) });
}

export function addSegment(strip, segment) {
  return edited(strip, { prompts: [...strip.prompts, segment] });
}

export function editSegment(strip, index, change) {
  return edited(strip, { prompts: strip.prompts.map((one, i) => (i === index ? { ...one, ...change } : one)) });
}

export function removeSegment(strip, index) {
  return edited(strip, { prompts: strip.prompts.filter((_, i) => i !== index) });
}

function edited(strip, change) {
  return { ...strip, ...change, text: undefined };
}

export function clampStrength(value) {
  return Math.min(1, Math.max(MIN_STRENGTH, Math.round(value * 100) / 100 || 1));
}

/** The row of each segment, so that those which overlap lie under each other. */
export function lanesOf(prompts) {
  const ends = []; // of the last segment in each row
  const lanes = new Array(prompts.length);
  const inOrder = prompts.map((_, i) => i).sort((a, b) => prompts[a].start - prompts[b].start || a - b);
  for (const i of inOrder) {
    const free = ends.findIndex((end) => end <= prompts[i].start);
    lanes[i] = free < 0 ? ends.length : free;
    ends[lanes[i]] = prompts[i].end;
  }
  return lanes;
}

export const history = (present) => ({ past: [], present, future: [] });

/** `before` is what undo returns to: the present, or the state a drag began at. */
export function commit({ past, present }, next, before = present) {
  return { past: [...past.slice(1 - MAX_UNDO), before], present: next, future: [] };
}

export function undo({ past, present, future }) {
  return { past: past.slice(0, -1), present: past.at(-1), future: [present, ...future] };
}

export function redo({ past, present, future }) {
  return { past: [...past, present], present: future[0], future: future.slice(1) };
}

/** A change that came from elsewhere (the node's own fields, other nodes): undo keeps it. */
export function rebase({ past, present, future }, change) {
  const changed = (strip) => ({ ...strip, ...change, linked: { ...strip.linked, ...change.linked } });
  return { past: past.map(changed), present: changed(present), future: future.map(changed) };
}
