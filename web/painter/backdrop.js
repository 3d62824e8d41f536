// The keyframes behind the painting, and what the tools read of the scene's pictures.
import { loadPicture, maskOf, pixelsOf } from "./files.js";
import { LONG_SIDE, historyOf } from "./model.js";

/** @typedef {{frame: number, url: string, label: string}} Picture a keyframe that can be shown */

export class Backdrop {
  /**
   * @param {import("./page.js").Page} page
   * @param {import("./editor.js").Editor} editor
   */
  constructor(page, editor) {
    this.page = page;
    this.editor = editor;
    /** @type {number | null} frame of the keyframe behind the painting; null: the one in force */
    this.pinned = null;
    this.shown = ""; // addresses of the three pictures
    page.backdrop.addEventListener("change", () => {
      this.pinned = page.backdrop.value === "" ? null : Number(page.backdrop.value);
      editor.redraw();
    });
  }

  /** The next draw reads the pictures again: another painting may have another size. */
  forget() {
    this.shown = "";
  }

  draw() {
    const { frame, onion, scene } = this.editor;
    const pictures = scene.keyframes.filter(/** @returns {key is Picture} */ (key) => Boolean(key.url));
    const inForce = pictures.findLast((key) => key.frame <= frame) ?? pictures[0];
    const back = pictures.find((key) => key.frame === this.pinned) ?? inForce;
    const others = onion ? pictures.filter((key) => key !== back) : [];
    const before = others.findLast((key) => key.frame <= frame);
    const after = others.find((key) => key.frame > frame);
    this.page.empty.hidden = Boolean(back);
    this.show([back, before, after].map((key) => key?.url ?? ""));
    this.drawChoice(pictures.map((key) => key.frame));
  }

  /** @param {string[]} urls back, before, after; "" for none */
  show(urls) {
    if (this.shown === urls.join("\n")) return;
    this.shown = urls.join("\n");
    this.page.pictures.forEach((picture, index) => {
      picture.hidden = !urls[index];
      if (urls[index]) picture.src = urls[index];
    });
    this.readDrawing(urls[0]);
  }

  /** @param {number[]} frames of the keyframes there are to choose from */
  drawChoice(frames) {
    const { backdrop: select, words } = this.page;
    select.hidden = frames.length < 2;
    if (select.dataset.choices !== String(frames)) {
      select.dataset.choices = String(frames);
      select.replaceChildren(
        new Option(words.automatic, ""),
        ...frames.map((at, index) => new Option(`${index + 1} · ${words.frame} ${at}`, String(at))),
      );
    }
    select.value = this.pinned !== null && frames.includes(this.pinned) ? String(this.pinned) : "";
  }

  /**
   * The drawing's pixels for the bucket, and its shape for an empty painting.
   * @param {string} url
   */
  async readDrawing(url) {
    const { editor } = this;
    editor.pixels = null;
    if (!url) return;
    const picture = await loadPicture(url).catch(() => null);
    if (!picture || !this.shown.startsWith(url)) return;
    const scale = LONG_SIDE / Math.max(picture.naturalWidth, picture.naturalHeight);
    const [width, height] = [Math.round(picture.naturalWidth * scale), Math.round(picture.naturalHeight * scale)];
    const { painting } = editor;
    if (editor.isEmpty() && (painting.width !== width || painting.height !== height)) {
      editor.history = historyOf({ ...painting, width, height });
      this.readSubject();
      editor.redraw();
    }
    editor.pixels = pixelsOf(picture, editor.painting, editor.scene.fit);
  }

  /** The subject's mask at the painting's size, which the eraser cuts from. */
  async readSubject() {
    const { editor } = this;
    const url = editor.scene.subject;
    const picture = url ? await loadPicture(url).catch(() => null) : null;
    if (url !== editor.scene.subject) return;
    editor.subject = picture ? maskOf(picture, editor.painting, editor.scene.fit) : null;
    editor.redraw();
  }
}
