// Pictures by address, each loaded once and kept small: fifty illustrations at full size would fill the memory.
import { contextOf } from "../page.js";

/** @typedef {{canvas?: HTMLCanvasElement, thumb?: string, aspect?: number, missing?: boolean, damaged?: boolean}} Picture empty while it loads */

const SIDE = 640; // enough for the preview
const THUMB = 176;

export class Pictures {
  /** @param {() => void} changed called when a picture has arrived, or is known to be missing */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, Picture>} */
    this.known = new Map();
  }

  /**
   * @param {string | null} url null: one that only a run would tell
   * @returns {Picture}
   */
  of(url) {
    if (url === null) return {};
    const known = this.known.get(url);
    if (known) return known;
    /** @type {Picture} */
    const loading = {};
    this.known.set(url, loading);
    this.load(url);
    return loading;
  }

  /** @param {string} url */
  async load(url) {
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
      const paper = new URLSearchParams(url.split("#")[1]).get("paper") ?? "white";
      const canvas = shrunk(image, image.naturalWidth, image.naturalHeight, SIDE, paper);
      const thumb = shrunk(canvas, canvas.width, canvas.height, THUMB, paper).toDataURL("image/webp", 0.85);
      this.known.set(url, { canvas, thumb, aspect: canvas.width / canvas.height });
    } catch {
      const answer = await fetch(url).catch(() => null);
      this.known.set(url, answer?.ok ? { damaged: true } : { missing: true });
    }
    this.changed();
  }
}

/**
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 * @param {number} side
 * @param {string} paper
 */
function shrunk(source, width, height, side, paper) {
  const scale = Math.min(1, side / Math.min(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = contextOf(canvas);
  context.fillStyle = "white"; // what no colour is called leaves it so
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}
