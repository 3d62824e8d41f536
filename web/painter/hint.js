// The line below the painter: what is wrong, or else what can be done here.
import { isBlank } from "./raster.js";

/**
 * @param {import("./editor.js").Editor} editor
 * @returns {{text: string, isWarning: boolean}}
 */
export function hintOf(editor) {
  const outside = frameOutside(editor);
  const isWarning = Boolean(editor.warning) || outside !== undefined;
  return { text: editor.warning || adviceOf(editor, outside), isWarning };
}

/**
 * A shape that the clip is too short for.
 * @param {import("./editor.js").Editor} editor
 */
function frameOutside({ painting, scene }) {
  return painting.areas.flatMap((area) => area.keys).find((key) => key.frame >= scene.frames)?.frame;
}

/**
 * @param {import("./editor.js").Editor} editor
 * @param {number | undefined} outside
 */
function adviceOf({ words, painting, scene, subject, area, shape }, outside) {
  if (outside !== undefined) return words.outside(outside);
  if (scene.unseen) return words.unseen;
  const isPainted = painting.areas.some((one) => one.keys.some((key) => !isBlank(key.mask)));
  if (!isPainted) return subject ? "" : words.nothing;
  const count = area?.keys.length ?? 0;
  if (count < 2) return count ? words.oneShape : "";
  return shape ? words.onShape : words.betweenShapes;
}
