// The paper the strip lies on: cells, the legal grid, frame numbers and seconds.
import { contextOf } from "../page.js";

/**
 * @typedef {object} Ruled what is drawn of the clip
 * @property {number} width
 * @property {number} height
 * @property {number} left how far the strip is scrolled
 * @property {number} cell px of a frame
 * @property {(frame: number) => number} x
 * @property {number} numFrames
 * @property {number} fps
 * @property {number | null} multiple
 * @property {number[]} legal
 * @property {number | null} target the legal frame that a drag would land on
 * @property {Set<number>} taken
 *
 * @typedef {Record<"paper" | "band" | "tick" | "ghost" | "mark" | "text" | "dim" | "accent", string>} Colours
 */

export const RULER = 38; // px high
const GAP = 36; // between numbers
const SECONDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60];

/**
 * The widest step that still has room for its numbers: `multiple` doubled until they fit.
 * @param {number} cell
 * @param {number} multiple
 */
export function labelStep(cell, multiple) {
  let step = multiple;
  while (step * cell < GAP) step *= 2;
  return step;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Ruled} view
 * @param {Colours} colours
 */
export function drawRuler(canvas, view, colours) {
  const ratio = devicePixelRatio * Math.max(1, canvas.getBoundingClientRect().width / canvas.offsetWidth || 1);
  canvas.width = Math.round(view.width * ratio);
  canvas.height = Math.round(view.height * ratio);
  const context = contextOf(canvas);
  context.scale(ratio, ratio);
  context.translate(-view.left, 0);
  drawCells(context, view, colours);
  drawGhosts(context, view, colours);
  drawNumbers(context, view, colours);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Ruled} view
 * @param {Colours} colours
 */
function drawCells(context, view, colours) {
  const { cell, x, numFrames, fps, height } = view;
  context.fillStyle = colours.paper;
  context.fillRect(x(0), 0, x(numFrames) - x(0), height);
  context.fillStyle = colours.band; // every other second, as the heavier lines of an exposure sheet
  for (let second = 1; second * fps < numFrames; second += 2) {
    const end = Math.min((second + 1) * fps, numFrames);
    context.fillRect(x(second * fps), 0, x(end) - x(second * fps), height);
  }
  if (cell < 3) return;
  context.fillStyle = colours.tick;
  for (let frame = 0; frame <= numFrames; frame++) context.fillRect(x(frame), RULER - 4, 1, 4);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Ruled} view
 * @param {Colours} colours
 */
function drawGhosts(context, view, colours) {
  const { cell, legal, target, taken, multiple } = view;
  const size = Math.min(4, (cell * (multiple ?? 8)) / 2.6);
  const hasLines = multiple !== 1 || cell > 9;
  for (const frame of legal) {
    if (frame === target) drawTarget(context, view, colours, size + 2);
    else drawGhost(context, view, colours, { frame, size, hasLine: hasLines, isTaken: taken.has(frame) });
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Ruled} view
 * @param {Colours} colours
 * @param {number} size
 */
function drawTarget(context, { x, cell, target, height }, colours, size) {
  const middle = x(target ?? 0) + cell / 2;
  context.fillStyle = colours.accent;
  context.fillRect(middle - 1, RULER, 2, height);
  diamond(context, middle, RULER - 7, size);
  context.fill();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Ruled} view
 * @param {Colours} colours
 * @param {{frame: number, size: number, hasLine: boolean, isTaken: boolean}} ghost
 */
function drawGhost(context, { x, cell, height }, colours, { frame, size, hasLine, isTaken }) {
  const middle = x(frame) + cell / 2;
  context.fillStyle = colours.ghost;
  if (hasLine) context.fillRect(middle - 0.5, RULER, 1, height);
  diamond(context, middle, RULER - 7, size);
  context.fillStyle = colours.accent;
  context.strokeStyle = colours.mark;
  if (isTaken) context.fill();
  else context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} size
 */
function diamond(context, x, y, size) {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.closePath();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Ruled} view
 * @param {Colours} colours
 */
function drawNumbers(context, { cell, x, numFrames, fps, multiple }, colours) {
  const step = labelStep(cell, multiple ?? 1);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = "600 10px system-ui, sans-serif";
  context.fillStyle = colours.text;
  const last = numFrames - 1;
  for (let frame = 0; frame < numFrames; frame += step) {
    if (frame === last || (last - frame) * cell > GAP * 0.8) context.fillText(String(frame), x(frame) + cell / 2, 13);
  }
  context.fillText(String(last), x(last) + cell / 2, 13);
  context.font = "9px system-ui, sans-serif";
  context.fillStyle = colours.dim;
  const seconds = SECONDS.find((one) => one * fps * cell > GAP * 1.4) ?? 120;
  for (let second = seconds; second * fps < last; second += seconds) {
    context.fillText(`${+second.toFixed(2)}s`, x(second * fps) + cell / 2, 23);
  }
}
