// The widget's value: the painting as text, and its masks as files of the host.
import { contentName, uploadImage, viewUrl } from "../graph.js";
import { paintingFromText, paintingToText } from "./files.js";

const SAVE_AFTER = 300; // ms without a stroke

export class Storage {
  /**
   * @param {ReturnType<typeof import("./view.js").createPainter>} painter
   * @param {import("./text.js").Words} words
   * @param {() => void} stored called when the value has become another one
   */
  constructor(painter, words, stored) {
    this.painter = painter;
    this.words = words;
    this.stored = stored;
    this.text = ""; // the painting as it was last stored or loaded
    this.changed = false;
    /** @type {Promise<void>} loads and saves, one after the other */
    this.work = Promise.resolve();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  saveSoon() {
    this.changed = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save().catch(() => this.painter.warn(this.words.unsaved)), SAVE_AFTER);
  }

  save() {
    const saved = this.work.then(() => this.write());
    this.work = saved.catch(() => {});
    return saved;
  }

  async write() {
    if (!this.changed) return;
    this.changed = false;
    try {
      this.text = await paintingToText(this.painter.painting(), upload);
      this.stored();
    } catch (error) {
      this.changed = true;
      throw error;
    }
  }

  /** @param {string} text */
  load(text) {
    if (text === this.text) return;
    this.text = text;
    this.changed = false;
    clearTimeout(this.timer);
    this.work = this.work.then(() => this.read(text));
  }

  /** @param {string} text */
  async read(text) {
    const found = await paintingFromText(text, viewUrl).catch(() => ({ painting: null, missing: true }));
    if (text !== this.text || this.changed) return; // another one was loaded, or this one painted on
    if (found.painting) this.painter.load(found.painting);
    if (found.missing) this.painter.warn(this.words.missing);
  }
}

/** @param {Blob} file */
const upload = async (file) => uploadImage(file, await contentName(file, "mask"), "anisora");
