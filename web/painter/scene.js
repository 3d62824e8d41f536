// What the graph tells the painter of the clip; what only a run could tell comes from the last one.
import { isLinked, keyframesOf, numberInto, releaseOf, siblingWidget, upstream } from "../graph.js";
import { parsePosition, snapToGrid } from "../timeline/grid.js";

/**
 * @typedef {import("./editor.js").Scene} Scene
 * @typedef {object} LastRun of nodes/motion_painter.py, as far as it is known
 * @property {number} [frames]
 * @property {number} [fps]
 * @property {{frame: number, url: string}[]} [keyframes]
 * @property {string | null} [subject]
 */

/**
 * @param {ComfyNode} node
 * @param {Record<string, Release>} releases
 * @param {LastRun} lastRun
 * @returns {Scene}
 */
export function sceneOf(node, releases, lastRun) {
  const timeline = upstream(node, "timeline");
  const release = knownRelease(timeline, releases);
  const { mini } = releases;
  const frames = firstOf(ownNumber(timeline, "length"), release?.num_frames, lastRun.frames) ?? mini.num_frames;
  const fps = firstOf(ownNumber(timeline, "fps"), release?.fps, lastRun.fps) ?? mini.fps;
  const usesSubject = Boolean(ownValue(node, "use_subject"));
  const subject = (usesSubject && lastRun.subject) || null;
  return {
    frames,
    fps,
    keyframes: timeline ? placed(timeline, frames, fps, release, lastRun) : [],
    fit: String(ownValue(timeline, "fit") || "crop"),
    invert: Boolean(ownValue(node, "invert")),
    subject,
    unseen: !subject && usesSubject && isLinked(node, "subject"),
  };
}

/**
 * @param {ComfyNode | null} timeline
 * @param {Record<string, Release>} releases
 */
function knownRelease(timeline, releases) {
  return timeline && upstream(timeline, "release") ? releases[releaseOf(timeline)] : undefined;
}

/**
 * The first that says anything; 0 says nothing.
 * @param {(number | undefined)[]} numbers
 */
const firstOf = (...numbers) => numbers.find(Boolean);

/**
 * The timeline's keyframes where its node puts them.
 * @param {ComfyNode} timeline
 * @param {number} frames
 * @param {number} fps
 * @param {Release | undefined} release
 * @param {LastRun} lastRun
 */
function placed(timeline, frames, fps, release, lastRun) {
  const pictures = new Map(lastRun.keyframes?.map((key) => [key.frame, key.url]));
  /** @type {Scene["keyframes"]} */
  const keyframes = [];
  for (const { url, label, position } of keyframesOf(timeline)) {
    const asked = parsePosition(position, frames, fps);
    if (asked === null) continue;
    const frame = release ? snapToGrid(asked, frames, release.key_multiple) : asked;
    keyframes.push({ frame, url: url ?? pictures.get(asked) ?? null, label });
  }
  return keyframes.sort((a, b) => a.frame - b.frame);
}

/**
 * What a widget says itself; nothing where another node sets it.
 * @param {ComfyNode | null} node
 * @param {string} name
 */
function ownValue(node, name) {
  return node && !isLinked(node, name) ? siblingWidget(node, name)?.value : undefined;
}

/**
 * @param {ComfyNode | null} node
 * @param {string} name
 */
const ownNumber = (node, name) => (node && numberInto(node, name)) || 0;
