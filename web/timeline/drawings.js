// Drawings that come onto the strip: from the picker, the disk, the clipboard or a page of the host.
import { positionOf } from "./grid.js";
import { addKeyframe, editKeyframe } from "./model.js";
import { freeFrames } from "./placing.js";

/** @typedef {import("./strip.js").Strip} Strip */

/**
 * Images by name, or nodes to be linked, onto free frames from `at` on.
 * @param {Strip} strip
 * @param {Pick<import("./picker.js").Choice, "kind" | "id">[]} choices
 * @param {number} at
 */
export function placeDrawings(strip, choices, at) {
  const { keys, legal, numFrames } = strip;
  const frames = freeFrames(strip, choices.length, at);
  let next = strip.present;
  const only = keys.length === 1 && legal.length === 1 ? keys[0] : null;
  if (only && !only.linked && choices[0]?.kind === "file") {
    next = editKeyframe(next, only.id, { image: choices[0].id }); // a release with one place: the new drawing takes it
  } else if (frames.length < choices.length) {
    strip.say(strip.words.noPlace);
  }
  frames.forEach((frame, i) => {
    const position = positionOf(frame, numFrames);
    if (choices[i].kind === "node") strip.host.link(choices[i].id, position);
    else next = addKeyframe(next, choices[i].id, position);
  });
  strip.edit(next);
  if (next.own.length) strip.choose(`own:${next.own.length - 1}`);
  strip.refresh();
}

/**
 * Files, which the host keeps first; in the order of the numbers in their names.
 * @param {Strip} strip
 * @param {File[]} files
 * @param {number} at
 */
export async function storeDrawings(strip, files, at) {
  const { words, host } = strip;
  const pictures = files.filter((file) => file.type.startsWith("image/"));
  pictures.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  if (!pictures.length) return;
  strip.say(words.storing(pictures.length));
  try {
    const names = await Promise.all(pictures.map((file) => host.store(file)));
    strip.say("");
    placeDrawings(strip, names.map((id) => ({ kind: "file", id })), at);
  } catch (error) {
    strip.say(words.failed(error instanceof Error ? error.message : String(error)));
  }
}
