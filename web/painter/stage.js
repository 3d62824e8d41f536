// The sheet that is painted on: the areas' tints, the stroke that is pulled, and the brush's ring.
import { contextOf } from "../page.js";
import { tint } from "./overlay.js";
import { isTouching } from "./stroke.js";

/**
 * @typedef {import("./raster.js").Box} Box
 * @typedef {import("./raster.js").Dab} Dab
 */

const SUBJECT_COLOR = "#dfe6ee";

export class Stage {
  /**
   * @param {import("./page.js").Page} page
   * @param {import("./editor.js").Editor} editor
   */
  constructor(page, editor) {
    this.page = page;
    this.editor = editor;
    /** @type {Dab | null} where the pointer is, as long as it is over the sheet */
    this.over = null;
  }

  draw() {
    const { sheet, canvas, trail } = this.page;
    const { painting, scene, tool } = this.editor;
    const { width, height } = painting;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    sheet.style.setProperty("--aspect", String(width / height));
    sheet.dataset.fit = scene.fit;
    sheet.dataset.pointer = isTouching(tool) ? "ring" : "cross";
    trail.setAttribute("points", "");
    this.drawTint({ left: 0, top: 0, right: width, bottom: height });
  }

  /** @param {Box} box */
  drawTint(box) {
    const { painting, scene } = this.editor;
    const opacity = Number(this.page.sliders.opacity.value) / 100;
    const image = tint(painting, this.layers(), { opacity, invert: scene.invert, box });
    contextOf(this.page.canvas).putImageData(image, box.left, box.top);
  }

  layers() {
    const { editor } = this;
    const { painting, active, stroke, subject } = editor;
    const layers = painting.areas.map((area) => ({
      mask: stroke && area.id === active ? stroke.live : editor.maskOf(area),
      color: area.color,
      still: area.still,
      active: area.id === active,
    }));
    return subject ? [{ mask: subject, color: SUBJECT_COLOR, still: false, active: false }, ...layers] : layers;
  }

  /** @param {import("./stroke.js").Stroke} stroke */
  drawStroke(stroke) {
    const points = stroke.outline() ?? [];
    const scale = this.scale();
    this.page.trail.setAttribute("points", points.map(({ x, y }) => `${x * scale},${y * scale}`).join(" "));
    const box = stroke.show();
    if (box) this.drawTint(box);
  }

  drawRing() {
    const { ring } = this.page;
    ring.hidden = !this.over || !isTouching(this.editor.tool);
    if (ring.hidden || !this.over) return;
    const { x, y, radius } = this.over;
    const scale = this.scale();
    const size = 2 * radius * scale;
    Object.assign(ring.style, { width: `${size}px`, height: `${size}px` });
    ring.style.transform = `translate(${x * scale - size / 2}px, ${y * scale - size / 2}px)`;
  }

  /** Pixels of the page per pixel of the painting. */
  scale() {
    return this.page.sheet.offsetWidth / this.editor.painting.width;
  }

  // ---- the brush

  /**
   * Where the event is on the painting. The graph scales the page, so only shares of the sheet count.
   * @param {PointerEvent} event
   * @returns {Dab}
   */
  dabOf(event) {
    const { left, top, width, height } = this.page.sheet.getBoundingClientRect();
    const { painting } = this.editor;
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.1 + 0.9 * event.pressure : 1;
    return {
      x: ((event.clientX - left) / width) * painting.width,
      y: ((event.clientY - top) / height) * painting.height,
      radius: (Number(this.page.sliders.size.value) / 2) * pressure,
    };
  }

  /**
   * By about a seventh.
   * @param {1 | -1} direction
   */
  resizeBrush(direction) {
    const input = this.page.sliders.size;
    const size = Number(input.value);
    input.value = String(size + direction * Math.max(1, Math.round(size * 0.15)));
    if (this.over) this.over.radius = Number(input.value) / 2;
    this.editor.redraw();
  }
}
