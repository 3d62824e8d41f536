// What the clip shows at the playhead, as far as the drawings tell: a cross-fade between the two around it.

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{aspect: number, stretch: boolean}} clip
 * @param {{picture: {canvas?: HTMLCanvasElement}, label: string, strength: number, weight: number}[]} layers weights add to 1
 */
export function drawPreview(canvas, clip, layers) {
  const box = canvas.parentElement;
  const width = Math.max(1, Math.min(box.clientWidth, box.clientHeight * clip.aspect));
  const height = width / clip.aspect;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = "lighter"; // shares of light add up to a true cross-fade
  context.fillStyle = "#808080"; // the grey that a weak keyframe is mixed with
  for (const { picture, label, strength, weight } of layers) {
    const share = picture.canvas ? weight * strength : 0;
    context.globalAlpha = weight - share;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalAlpha = share;
    if (picture.canvas) cover(context, picture.canvas, canvas.width, canvas.height, clip.stretch);
    else write(context, label, canvas.width, canvas.height, weight);
  }
}

/** The name stands for a drawing that is known only after a run. */
function write(context, label, width, height, weight) {
  context.globalAlpha = weight;
  context.font = `${14 * devicePixelRatio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.fillText(label, width / 2, height / 2, width * 0.9);
}

/** As the node brings a drawing to the clip's size: fill it and crop the middle, or stretch. */
function cover(context, picture, width, height, stretch) {
  const scale = Math.max(width / picture.width, height / picture.height);
  const w = stretch ? picture.width : width / scale;
  const h = stretch ? picture.height : height / scale;
  context.drawImage(picture, (picture.width - w) / 2, (picture.height - h) / 2, w, h, 0, 0, width, height);
}
