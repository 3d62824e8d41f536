// What the clip shows at the playhead, as far as the drawings tell: a cross-fade between the two around it.
import { contextOf } from "../page.js";
import { element, icon } from "./elements.js";

/** @typedef {{picture: import("./pictures.js").Picture, label: string, strength: number, weight: number}} Layer weights add to 1 */

export class Preview {
  /** @param {import("./strip.js").Strip} strip */
  constructor(strip) {
    const { words } = strip;
    this.strip = strip;
    this.canvas = element("canvas", { role: "img", "aria-label": words.preview });
    this.empty = element("div", { class: "empty" }, icon("image"), element("b", {}, words.empty), words.emptyMore);
    this.status = element("div", { class: "status", role: "status" });
    this.root = element("div", { class: "preview" }, this.canvas, this.empty, this.status);
  }

  render() {
    const { keys, pictures, clip, note } = this.strip;
    const problem = this.strip.problem();
    this.empty.hidden = keys.length > 0;
    this.canvas.hidden = !keys.length;
    this.status.textContent = note || problem;
    this.status.title = note || problem;
    this.status.hidden = !this.status.title;
    this.status.classList.toggle("warn", !note && Boolean(problem));
    if (!keys.length) return;
    const aspect = clip.aspect || pictures.of(keys[0].url).aspect || 16 / 9;
    drawPreview(this.canvas, this.root, { aspect, stretch: clip.stretch }, this.layers());
  }

  /** The keyframes before and after the playhead, by how near it is to each. */
  layers() {
    const { keys, playhead, pictures } = this.strip;
    const order = [...keys].sort((a, b) => a.at - b.at);
    const after = order.find((key) => key.at >= playhead) ?? order[order.length - 1];
    const before = order.findLast((key) => key.at <= playhead) ?? order[0];
    const mix = before.at === after.at ? 0 : (playhead - before.at) / (after.at - before.at);
    /** @type {(key: import("./placing.js").Key, weight: number) => Layer} */
    const layer = ({ url, label, strength }, weight) => ({ picture: pictures.of(url), label, strength, weight });
    return [layer(before, 1 - mix), layer(after, mix)];
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} box that it is to fill
 * @param {{aspect: number, stretch: boolean}} clip
 * @param {Layer[]} layers
 */
function drawPreview(canvas, box, clip, layers) {
  const width = Math.max(1, Math.min(box.clientWidth, box.clientHeight * clip.aspect));
  const height = width / clip.aspect;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = contextOf(canvas);
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

/**
 * The name stands for a drawing that is known only after a run.
 * @param {CanvasRenderingContext2D} context
 * @param {string} label
 * @param {number} width
 * @param {number} height
 * @param {number} weight
 */
function write(context, label, width, height, weight) {
  context.globalAlpha = weight;
  context.font = `${14 * devicePixelRatio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.fillText(label, width / 2, height / 2, width * 0.9);
}

/**
 * As the node brings a drawing to the clip's size: fill it and crop the middle, or stretch.
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLCanvasElement} picture
 * @param {number} width
 * @param {number} height
 * @param {boolean} stretch
 */
function cover(context, picture, width, height, stretch) {
  const scale = Math.max(width / picture.width, height / picture.height);
  const w = stretch ? picture.width : width / scale;
  const h = stretch ? picture.height : height / scale;
  context.drawImage(picture, (picture.width - w) / 2, (picture.height - h) / 2, w, h, 0, 0, width, height);
}
