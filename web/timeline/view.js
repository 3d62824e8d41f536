// The strip's page: what is where, and the parts that draw it.
import { Bar } from "./bar.js";
import { Cards } from "./cards.js";
import { placeDrawings, storeDrawings } from "./drawings.js";
import { element } from "./elements.js";
import { Input } from "./input.js";
import { Inspector } from "./inspector.js";
import { LANE, Lanes } from "./lanes.js";
import { lanesOf } from "./model.js";
import { Picker } from "./picker.js";
import { Preview } from "./preview.js";
import { RULER, drawRuler } from "./ruler.js";
import { addStripStyle } from "./style.js";

const PAD = 10; // px of track before the first frame and after the last
const MAX_LANES = 3; // more of them scroll
const MAX_ZOOM = 16;

export class View {
  /** @param {import("./strip.js").Strip} strip */
  constructor(strip) {
    addStripStyle();
    const { words, root } = strip;
    this.strip = strip;
    this.root = root;
    this.zoom = 1;
    this.cell = 0; // px of a frame; 0 before the strip is on the page
    this.height = 0; // px of the track
    this.rowHeight = 0; // px of a drawing
    /** @type {Picker | null} while drawings are chosen */
    this.picker = null;
    this.bar = new Bar(strip, this);
    this.preview = new Preview(strip);
    this.inspector = new Inspector(strip);
    this.paper = element("canvas", { "aria-hidden": "true" });
    this.scrub = element("div", { class: "scrub", role: "slider", "aria-label": words.playhead, "aria-valuemin": 0 });
    this.row = element("div", { class: "cards", role: "listbox", "aria-label": words.strip });
    this.prompts = element("div", { class: "lanes" });
    this.head = element("div", { class: "head" });
    this.track = element("div", { class: "track" }, this.paper, this.row, this.prompts, this.scrub, this.head);
    this.scroll = element("div", { class: "scroll" }, this.track);
    const pane = element("div", { class: "pane" }, this.preview.root, this.inspector.root);
    root.append(this.bar.root, pane, this.scroll);
    this.dress();
    this.cards = new Cards(strip, this);
    this.lanes = new Lanes(strip, this);
    this.input = new Input(strip, this);
  }

  dress() {
    const { root } = this;
    root.classList.add("anisora-strip");
    root.tabIndex = 0;
    Object.assign(root, { type: "textarea" }); // ComfyUI leaves ctrl+z to an element that says so, and would undo the workflow otherwise
    root.setAttribute("role", "application");
    root.setAttribute("aria-label", this.strip.words.strip);
  }

  get canvas() {
    return this.preview.canvas;
  }

  /**
   * Left edge of a frame's cell on the track.
   * @param {number} frame
   */
  x(frame) {
    return PAD + frame * this.cell;
  }

  /** @param {number} frame */
  middle(frame) {
    return this.x(frame) + this.cell / 2;
  }

  /** Of the whole track, as far as it is zoomed. */
  get width() {
    return this.scroll.clientWidth * this.zoom;
  }

  /**
   * The frame under the pointer; `whole` false: with its fraction. The canvas renderer scales the page, so px are not px.
   * @param {MouseEvent} event
   */
  frameAt(event, whole = true) {
    const box = this.track.getBoundingClientRect();
    const x = ((event.clientX - box.left) * this.track.offsetWidth) / box.width;
    const frame = (x - PAD) / this.cell - (whole ? 0 : 0.5);
    return whole ? Math.floor(frame) : frame;
  }

  /**
   * Keeps `around` where it is on the screen.
   * @param {number} zoom
   */
  zoomTo(zoom, around = this.strip.playhead) {
    const was = this.x(around) - this.scroll.scrollLeft;
    this.zoom = Math.max(1, Math.min(MAX_ZOOM, zoom));
    this.strip.render();
    this.scroll.scrollLeft = this.x(around) - was;
    this.strip.render();
  }

  reveal() {
    const x = this.x(this.strip.playhead);
    const { scrollLeft, clientWidth } = this.scroll;
    if (x < scrollLeft || x > scrollLeft + clientWidth - PAD) this.scroll.scrollLeft = x - clientWidth / 2;
  }

  render() {
    if (!this.scroll.clientWidth) return; // not on the page yet
    this.arrange();
    this.bar.render();
    this.renderPlayhead();
    this.cards.render();
    this.lanes.render();
    this.preview.render();
    this.inspector.render();
    this.drawPaper();
  }

  arrange() {
    const lanes = 1 + Math.max(0, ...lanesOf(this.strip.present.prompts));
    const row = Math.round(Math.max(54, Math.min(120, this.root.clientHeight * 0.2)));
    const rows = Math.min(lanes, MAX_LANES) * LANE + 3;
    this.height = RULER + row + rows;
    this.cell = (this.width - 2 * PAD) / this.strip.numFrames;
    this.track.style.width = `${this.width}px`;
    this.track.style.height = `${this.height}px`;
    this.scrub.style.height = `${RULER}px`;
    Object.assign(this.row.style, { top: `${RULER}px`, height: `${row}px` });
    Object.assign(this.prompts.style, { top: `${RULER + row}px`, height: `${rows}px` });
    this.rowHeight = row - 10;
  }

  renderPlayhead() {
    const { playhead, numFrames } = this.strip;
    this.head.style.left = `${this.middle(playhead)}px`;
    this.scrub.setAttribute("aria-valuemax", String(numFrames - 1));
    this.scrub.setAttribute("aria-valuenow", String(playhead));
  }

  drawPaper() {
    if (!this.cell) return;
    const { numFrames, fps, clip, legal, target, keys } = this.strip;
    const style = getComputedStyle(this.root);
    const ink = style.color;
    /** @param {number} share */
    const tone = (share) => `color-mix(in srgb, ${ink} ${share}%, transparent)`;
    const width = this.scroll.clientWidth;
    this.paper.style.width = `${width}px`;
    this.paper.style.height = `${this.height}px`;
    drawRuler(
      this.paper,
      {
        width, height: this.height, left: this.scroll.scrollLeft, cell: this.cell, x: (frame) => this.x(frame),
        numFrames, fps, multiple: clip.row.key_multiple, legal, target,
        taken: new Set(keys.map((key) => key.at)),
      },
      {
        paper: tone(5), band: tone(5), tick: tone(22), ghost: tone(14), mark: tone(55), text: tone(85), dim: tone(55),
        accent: style.getPropertyValue("--accent"),
      },
    );
  }

  openPicker() {
    const { strip } = this;
    this.closePicker();
    const at = strip.playhead;
    this.picker = new Picker(strip.words, strip.host.nodes(), {
      close: () => this.closePicker(),
      place: (choices) => {
        this.closePicker();
        placeDrawings(strip, choices, at);
      },
      store: (files) => {
        this.closePicker();
        storeDrawings(strip, files, at);
      },
    });
    this.root.append(this.picker.root);
    this.picker.search.focus();
    this.picker.add(strip.host.files());
  }

  closePicker() {
    this.picker?.root.remove();
    this.picker = null;
    this.strip.focus();
  }
}
