// The strip's page: what is where, and the parts that draw it.
import { Cards } from "./cards.js";
import { element, icon, iconButton } from "./elements.js";
import { MAX_LENGTH, snapLength } from "./grid.js";
import { Input } from "./input.js";
import { Inspector } from "./inspector.js";
import { LANE, Lanes } from "./lanes.js";
import { lanesOf } from "./model.js";
import { makePicker } from "./picker.js";
import { drawPreview } from "./preview.js";
import { RULER, drawRuler } from "./ruler.js";
import { addStyle } from "./style.js";

const PAD = 10; // px of track before the first frame and after the last
const MAX_LANES = 3; // more of them scroll
const MAX_ZOOM = 16;

export class View {
  /** @param {import("./strip.js").Strip} strip */
  constructor(strip) {
    addStyle();
    this.strip = strip;
    this.root = strip.root;
    this.zoom = 1;
    this.picker = null;
    this.build();
    this.cards = new Cards(strip, this);
    this.lanes = new Lanes(strip, this);
    this.input = new Input(strip, this);
  }

  build() {
    const { strip, root } = this;
    const { words } = strip;
    root.classList.add("anisora-strip");
    root.tabIndex = 0;
    root.type = "textarea"; // ComfyUI leaves ctrl+z to an element that says so, and would undo the workflow otherwise
    root.setAttribute("role", "application");
    root.setAttribute("aria-label", words.strip);

    const number = (title, more) => element("input", { type: "number", title, "aria-label": title, ...more });
    this.playButton = iconButton("play", words.play, () => strip.play());
    this.time = element("span", { class: "time" });
    this.length = number(words.length, { min: 1, max: MAX_LENGTH });
    this.length.addEventListener("change", () => strip.setLength(this.length.value));
    this.rate = number(words.fps, { min: 1, max: 120 });
    this.rate.addEventListener("change", () => strip.setFps(this.rate.value));
    this.undoButton = iconButton("undo", words.undo, () => strip.undo());
    this.redoButton = iconButton("redo", words.redo, () => strip.redo());
    this.bar = element(
      "div", { class: "bar" }, this.playButton, this.time, element("label", {}, this.length, words.frames),
      element("label", {}, this.rate, words.fpsUnit), element("span", { class: "gap" }),
      iconButton("image", words.addImages, () => this.openPicker()),
      iconButton("prompt", words.addPrompt, () => strip.addPrompt(strip.playhead)), this.undoButton, this.redoButton,
      iconButton("minus", words.zoomOut, () => this.zoomTo(this.zoom / 2), { class: "wide" }),
      iconButton("plus", words.zoomIn, () => this.zoomTo(this.zoom * 2), { class: "wide" }),
    );

    this.canvas = element("canvas", { role: "img", "aria-label": words.preview });
    this.empty = element("div", { class: "empty" }, icon("image"), element("b", {}, words.empty), words.emptyMore);
    this.status = element("div", { class: "status", role: "status" });
    this.inspector = new Inspector(strip);
    const preview = element("div", { class: "preview" }, this.canvas, this.empty, this.status);
    this.pane = element("div", { class: "pane" }, preview, this.inspector.root);

    this.paper = element("canvas", { "aria-hidden": "true" });
    this.scrub = element("div", { class: "scrub", role: "slider", "aria-label": words.playhead, "aria-valuemin": 0 });
    this.row = element("div", { class: "cards", role: "listbox", "aria-label": words.strip });
    this.prompts = element("div", { class: "lanes" });
    this.head = element("div", { class: "head" });
    this.track = element("div", { class: "track" }, this.paper, this.row, this.prompts, this.scrub, this.head);
    this.scroll = element("div", { class: "scroll" }, this.track);
    root.append(this.bar, this.pane, this.scroll);
  }

  /** Left edge of a frame's cell on the track. */
  x(frame) {
    return PAD + frame * this.cell;
  }

  middle(frame) {
    return this.x(frame) + this.cell / 2;
  }

  /** Of the whole track, as far as it is zoomed. */
  get width() {
    return this.scroll.clientWidth * this.zoom;
  }

  /** The frame under the pointer; `whole` false: with its fraction. The canvas renderer scales the page, so px are not px. */
  frameAt(event, whole = true) {
    const box = this.track.getBoundingClientRect();
    const x = ((event.clientX - box.left) * this.track.offsetWidth) / box.width;
    const frame = (x - PAD) / this.cell - (whole ? 0 : 0.5);
    return whole ? Math.floor(frame) : frame;
  }

  /** Keeps `around` where it is on the screen. */
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
    this.renderBar();
    this.cards.render();
    this.lanes.render();
    this.renderPreview();
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

  renderBar() {
    const { words, clip, playhead, present, numFrames, fps, history, playing } = this.strip;
    this.time.textContent = words.time(playhead, (playhead / fps).toFixed(2));
    this.head.style.left = `${this.middle(playhead)}px`;
    this.scrub.setAttribute("aria-valuemax", numFrames - 1);
    this.scrub.setAttribute("aria-valuenow", playhead);
    if (document.activeElement !== this.length) this.length.value = present.length || "";
    this.length.step = clip.row.frames_multiple;
    this.length.placeholder = clip.row.num_frames;
    this.length.disabled = clip.lengthLinked;
    this.length.classList.toggle("wrong", snapLength(numFrames, clip.row.frames_multiple) !== numFrames);
    if (document.activeElement !== this.rate) this.rate.value = present.fps || "";
    this.rate.placeholder = clip.row.fps;
    this.rate.disabled = clip.fpsLinked;
    this.undoButton.disabled = !history.past.length;
    this.redoButton.disabled = !history.future.length;
    const mode = playing ? "pause" : "play";
    if (this.playButton.dataset.mode !== mode) {
      this.playButton.dataset.mode = mode;
      this.playButton.title = words[mode];
      this.playButton.setAttribute("aria-label", words[mode]);
      this.playButton.replaceChildren(icon(mode));
    }
  }

  renderPreview() {
    const { keys, playhead, note, pictures, clip } = this.strip;
    this.empty.hidden = keys.length > 0;
    this.canvas.hidden = !keys.length;
    const problem = this.strip.problem();
    this.status.textContent = note || problem;
    this.status.title = this.status.textContent;
    this.status.hidden = !this.status.textContent;
    this.status.classList.toggle("warn", !note && Boolean(problem));
    if (!keys.length) return;
    const order = [...keys].sort((a, b) => a.at - b.at);
    const after = order.find((key) => key.at >= playhead) ?? order.at(-1);
    const before = order.findLast((key) => key.at <= playhead) ?? order[0];
    const mix = before.at === after.at ? 0 : (playhead - before.at) / (after.at - before.at);
    const layer = (key, weight) => ({
      picture: key.url ? pictures.of(key.url) : {}, label: key.label, strength: key.strength, weight,
    });
    const aspect = clip.aspect || (keys[0].url && pictures.of(keys[0].url).aspect) || 16 / 9;
    drawPreview(this.canvas, { aspect, stretch: clip.stretch }, [layer(before, 1 - mix), layer(after, mix)]);
  }

  drawPaper() {
    if (!this.cell) return;
    const { numFrames, fps, clip, legal, target, keys } = this.strip;
    const style = getComputedStyle(this.root);
    const ink = style.color;
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
    const close = () => {
      this.picker?.remove();
      this.picker = null;
      strip.focus();
    };
    close();
    const at = strip.playhead;
    this.picker = makePicker({
      words: strip.words,
      nodes: strip.host.nodes(),
      files: strip.host.files(),
      close,
      place: (choices) => {
        close();
        strip.place(choices, at);
      },
      store: (files) => {
        close();
        strip.store(files, at);
      },
    });
    this.root.append(this.picker);
    this.picker.querySelector("input").focus();
  }
}
