// The paper the strip lies on: cells, the legal grid, frame numbers and seconds.

export const RULER = 38; // px high
const GAP = 36; // between numbers
const SECONDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60];

/** The widest step that still has room for its numbers: `multiple` doubled until they fit. */
export function labelStep(cell, multiple) {
  let step = multiple;
  while (step * cell < GAP) step *= 2;
  return step;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number, left: number, cell: number, x: (frame: number) => number, numFrames: number,
 *   fps: number, multiple: number | null, legal: number[], target: number | null, taken: Set<number>}} view
 *   `left`: how far the strip is scrolled. `target`: the legal frame that a drag would land on.
 * @param {Record<string, string>} colours
 */
export function drawRuler(canvas, view, colours) {
  const ratio = devicePixelRatio * Math.max(1, canvas.getBoundingClientRect().width / canvas.offsetWidth || 1);
  canvas.width = Math.round(view.width * ratio);
  canvas.height = Math.round(view.height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.translate(-view.left, 0);
  drawCells(context, view, colours);
  drawGhosts(context, view, colours);
  drawNumbers(context, view, colours);
}

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

function drawGhosts(context, { cell, x, legal, target, taken, multiple, height }, colours) {
  const size = Math.min(4, (cell * (multiple ?? 8)) / 2.6);
  for (const frame of legal) {
    const middle = x(frame) + cell / 2;
    const aimed = frame === target;
    context.fillStyle = aimed ? colours.accent : colours.ghost;
    if (multiple !== 1 || cell > 9 || aimed) context.fillRect(middle - (aimed ? 1 : 0.5), RULER, aimed ? 2 : 1, height);
    context.strokeStyle = aimed ? colours.accent : colours.mark;
    diamond(context, middle, RULER - 7, aimed ? size + 2 : size);
    context.fillStyle = colours.accent;
    if (aimed || taken.has(frame)) context.fill();
    else context.stroke();
  }
}

function diamond(context, x, y, size) {
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.closePath();
}

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
