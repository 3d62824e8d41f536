// A painting to text and back. Masks are greyscale PNG files; which file a mask came from or went to is remembered,
// so that what did not change is never uploaded again.
import { COLORS } from "./model.js";
import { blank, isBlank } from "./raster.js";

const names = new WeakMap();

// The painting's JSON, "" for none. `upload(blob)` keeps a file and says its name.
export async function paintingToText({ width, height, areas }, upload) {
  const rows = [];
  for (const { name, color, still, keys } of areas) {
    const row = { name, color, ...(still && { still }), keys: [] };
    if (!keys.every((key) => isBlank(key.mask) && !names.has(key.mask))) {
      for (const { frame, mask } of keys) {
        if (!names.has(mask)) names.set(mask, await upload(await encode(mask, width, height)));
        row.keys.push({ frame, mask: names.get(mask) });
      }
    }
    rows.push(row);
  }
  return rows.length ? JSON.stringify({ version: 1, areas: rows }) : "";
}

// { painting, missing }: `urlOf(name)` is where a mask's file is. Masks of other sizes are brought to that of the first.
// One that is missing is shown as empty and keeps its name, so that nothing is lost until it is painted on.
export async function paintingFromText(text, urlOf) {
  const areas = text ? JSON.parse(text).areas : [];
  const pictures = new Map();
  for (const name of areas.flatMap((area) => area.keys.map((key) => key.mask))) {
    if (!pictures.has(name)) pictures.set(name, await loadPicture(urlOf(name)).catch(() => null));
  }
  const first = [...pictures.values()].find(Boolean);
  const size = first ? { width: first.naturalWidth, height: first.naturalHeight } : { width: 512, height: 512 };
  const masks = new Map();
  for (const [name, picture] of pictures) {
    const mask = picture ? maskOf(picture, size) : blank(size);
    const isAsStored = !picture || (picture.naturalWidth === size.width && picture.naturalHeight === size.height);
    if (isAsStored) names.set(mask, name);
    masks.set(name, mask);
  }
  const painting = {
    ...size,
    areas: areas.map(({ name, color, still = false, keys }, index) => ({
      id: `area ${index}`,
      name: name ?? "",
      color: color ?? COLORS[index % COLORS.length],
      still,
      keys: keys.map(({ frame, mask }) => ({ frame, mask: masks.get(mask) })).sort((a, b) => a.frame - b.frame),
    })),
  };
  return { painting, missing: [...pictures.values()].includes(null) };
}

export async function loadPicture(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture;
}

// RGBA of a picture that covers `size`, cut around its centre or pulled to it: as the clip will show it.
export function pixelsOf(picture, { width, height }, fit = "crop") {
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.imageSmoothingQuality = "high";
  let [drawnWidth, drawnHeight] = [width, height];
  if (fit === "crop") {
    const scale = Math.max(width / picture.naturalWidth, height / picture.naturalHeight);
    [drawnWidth, drawnHeight] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  }
  context.drawImage(picture, (width - drawnWidth) / 2, (height - drawnHeight) / 2, drawnWidth, drawnHeight);
  return context.getImageData(0, 0, width, height).data;
}

export function maskOf(picture, size, fit = "stretch") {
  const pixels = pixelsOf(picture, size, fit);
  return Uint8ClampedArray.from({ length: size.width * size.height }, (_, at) => pixels[at * 4]);
}

function encode(mask, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const pixels = new ImageData(width, height);
  mask.forEach((value, at) => pixels.data.set([value, value, value, 255], at * 4));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}
