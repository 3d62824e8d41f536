// The areas as they lie over the drawing.

/**
 * @typedef {import("./raster.js").Box} Box
 * @typedef {import("./raster.js").Mask} Mask
 * @typedef {import("./raster.js").Size} Size
 * @typedef {{mask: Mask, color: string, still: boolean, active: boolean}} Layer still ones are hatched
 */

/** @param {string} color "#rrggbb" */
const rgbOf = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

/**
 * Tints of a box of the picture. With `invert` the tint is where nothing is painted, because that is what may move then.
 * @param {Size} size
 * @param {Layer[]} layers
 * @param {{opacity: number, invert: boolean, box: Box}} look
 */
export function tint(size, layers, { opacity, invert, box }) {
  const image = new ImageData(box.right - box.left, box.bottom - box.top);
  if (invert) tintRest(image.data, size.width, layers, opacity, box);
  for (const layer of layers) tintLayer(image.data, size, layer, invert ? 0 : opacity, box);
  return image;
}

/**
 * @param {Uint8ClampedArray} data
 * @param {Size} size
 * @param {Layer} layer
 * @param {number} opacity
 * @param {Box} box
 */
function tintLayer(data, { width, height }, layer, opacity, box) {
  const color = rgbOf(layer.color);
  const [strength, outline] = layer.active ? [opacity, 1] : [opacity * 0.65, 0.8];
  for (let y = box.top, to = 0; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++, to += 4) {
      const value = layer.mask[y * width + x];
      if (!value) continue;
      let alpha = (value / 255) * strength;
      if (layer.still && (x + y) % 10 < 5) alpha *= 0.3;
      if (value > 127 && isEdge(layer.mask, width, height, x, y)) alpha = outline;
      over(data, to, color, alpha);
    }
  }
}

/**
 * @param {Uint8ClampedArray} data
 * @param {number} width
 * @param {Layer[]} layers
 * @param {number} opacity
 * @param {Box} box
 */
function tintRest(data, width, layers, opacity, box) {
  const color = rgbOf(layers.find((layer) => layer.active)?.color ?? "#ffffff");
  for (let y = box.top, to = 0; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++, to += 4) {
      let moves = 0;
      for (const { mask, still } of layers) if (!still) moves = Math.max(moves, mask[y * width + x]);
      for (const { mask, still } of layers) if (still) moves = Math.min(moves, 255 - mask[y * width + x]);
      over(data, to, color, (1 - moves / 255) * opacity * 0.7); // so much of it is laid over the drawing
    }
  }
}

/**
 * Two pixels wide, so that it is still a line where the drawing is shown smaller than it is.
 * @param {Mask} mask
 * @param {number} width
 * @param {number} height
 * @param {number} x
 * @param {number} y
 */
function isEdge(mask, width, height, x, y) {
  const at = y * width + x;
  for (const step of [1, 2]) {
    if (x >= step && mask[at - step] <= 127) return true;
    if (x < width - step && mask[at + step] <= 127) return true;
    if (y >= step && mask[at - step * width] <= 127) return true;
    if (y < height - step && mask[at + step * width] <= 127) return true;
  }
  return false;
}

/**
 * @param {Uint8ClampedArray} data
 * @param {number} at
 * @param {number[]} color
 * @param {number} alpha
 */
function over(data, at, color, alpha) {
  const below = (data[at + 3] / 255) * (1 - alpha);
  const sum = alpha + below;
  if (!sum) return;
  for (let channel = 0; channel < 3; channel++) {
    data[at + channel] = (color[channel] * alpha + data[at + channel] * below) / sum;
  }
  data[at + 3] = 255 * sum;
}
