// A painting to text and back. Masks are greyscale PNG files; which file a mask came from or went to is remembered,
// so that what did not change is never uploaded again.
import { offscreen } from "../page.js";
import { COLORS, emptyPainting } from "./model.js";
import { blank, isBlank } from "./raster.js";

/**
 * @typedef {import("./model.js").Mask} Mask
 * @typedef {import("./model.js").Painting} Painting
 * @typedef {import("./model.js").Size} Size
 * @typedef {{name?: string, color?: string, still?: boolean, keys: {frame: number, mask: string}[]}} StoredArea of the
 *   JSON; its masks are names of files
 */

/** @type {WeakMap<Mask, string>} */
const names = new WeakMap();

/**
 * The painting's JSON, "" for none.
 * @param {Painting} painting
 * @param {(file: Blob) => Promise<string>} upload keeps a file and says its name
 */
export async function paintingToText({ width, height, areas }, upload) {
  const rows = [];
  for (const { name, color, still, keys } of areas) {
    const stored = [];
    if (!keys.every((key) => isBlank(key.mask) && !names.has(key.mask))) {
      for (const { frame, mask } of keys) {
        const file = names.get(mask) ?? (await upload(await encode(mask, width, height)));
        names.set(mask, file);
        stored.push({ frame, mask: file });
      }
    }
    rows.push({ name, color, ...(still && { still }), keys: stored });
  }
  return rows.length ? JSON.stringify({ version: 1, areas: rows }) : "";
}

/**
 * Masks of other sizes are brought to that of the first. One that is missing is shown as empty and keeps its name, so
 * that nothing is lost until it is painted on.
 * @param {string} text
 * @param {(name: string) => string} urlOf where a mask's file is
 * @returns {Promise<{painting: Painting, missing: boolean}>}
 */
export async function paintingFromText(text, urlOf) {
  /** @type {StoredArea[]} */
  const areas = text ? JSON.parse(text).areas : [];
  /** @type {Map<string, HTMLImageElement | null>} */
  const pictures = new Map();
  for (const name of areas.flatMap((area) => area.keys.map((key) => key.mask))) {
    if (!pictures.has(name)) pictures.set(name, await loadPicture(urlOf(name)).catch(() => null));
  }
  const first = [...pictures.values()].find(Boolean);
  const size = first ? { width: first.naturalWidth, height: first.naturalHeight } : emptyPainting();
  const masks = new Map([...pictures].map(([name, picture]) => [name, readMask(name, picture, size)]));
  const painting = {
    width: size.width,
    height: size.height,
    areas: areas.map(({ name, color, still = false, keys }, index) => ({
      id: `area ${index}`,
      name: name ?? "",
      color: isColor(color) ? color : COLORS[index % COLORS.length],
      still,
      keys: keys.map(({ frame, mask }) => ({ frame, mask: masks.get(mask) ?? blank(size) })).sort((a, b) => a.frame - b.frame),
    })),
  };
  return { painting, missing: [...pictures.values()].includes(null) };
}

/**
 * Whether it is written as the painter writes it: it goes into a style, where other text could name an address to load.
 *
 * @param {unknown} color
 * @returns {color is string}
 */
const isColor = (color) => typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color);

/**
 * @param {string} name of its file
 * @param {HTMLImageElement | null} picture
 * @param {Size} size
 */
function readMask(name, picture, size) {
  const mask = picture ? maskOf(picture, size) : blank(size);
  const isAsStored = !picture || (picture.naturalWidth === size.width && picture.naturalHeight === size.height);
  if (isAsStored) names.set(mask, name);
  return mask;
}

/** @param {string} url */
export async function loadPicture(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture;
}

/**
 * RGBA of a picture that covers `size`, cut around its centre ("crop") or pulled to it: as the clip will show it.
 * @param {HTMLImageElement} picture
 * @param {Size} size
 * @param {string} fit
 */
export function pixelsOf(picture, { width, height }, fit) {
  const context = offscreen(width, height);
  context.imageSmoothingQuality = "high";
  let [drawnWidth, drawnHeight] = [width, height];
  if (fit === "crop") {
    const scale = Math.max(width / picture.naturalWidth, height / picture.naturalHeight);
    [drawnWidth, drawnHeight] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  }
  context.drawImage(picture, (width - drawnWidth) / 2, (height - drawnHeight) / 2, drawnWidth, drawnHeight);
  return context.getImageData(0, 0, width, height).data;
}

/**
 * @param {HTMLImageElement} picture
 * @param {Size} size
 * @param {string} [fit]
 */
export function maskOf(picture, size, fit = "stretch") {
  const pixels = pixelsOf(picture, size, fit);
  return Uint8ClampedArray.from({ length: size.width * size.height }, (_, at) => pixels[at * 4]);
}

/**
 * @param {Mask} mask
 * @param {number} width
 * @param {number} height
 */
function encode(mask, width, height) {
  const context = offscreen(width, height);
  const pixels = new ImageData(width, height);
  mask.forEach((value, at) => pixels.data.set([value, value, value, 255], at * 4));
  context.putImageData(pixels, 0, 0);
  return context.canvas.convertToBlob({ type: "image/png" });
}
