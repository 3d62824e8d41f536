// The row of buttons and fields at the top.
import { element, icon, iconButton } from "./elements.js";
import { MAX_LENGTH, snapLength } from "./grid.js";

const MAX_FPS = 120;

export class Bar {
  /**
   * @param {import("./strip.js").Strip} strip
   * @param {import("./view.js").View} view
   */
  constructor(strip, view) {
    const { words } = strip;
    this.strip = strip;
    this.playButton = iconButton("play", words.play, () => strip.play());
    this.time = element("span", { class: "time" });
    this.length = numberField(words.length, MAX_LENGTH, (text) => strip.setLength(text));
    this.rate = numberField(words.fps, MAX_FPS, (text) => strip.setFps(text));
    this.undoButton = iconButton("undo", words.undo, () => strip.undo());
    this.redoButton = iconButton("redo", words.redo, () => strip.redo());
    this.root = element(
      "div", { class: "bar" }, this.playButton, this.time, element("label", {}, this.length, words.frames),
      element("label", {}, this.rate, words.fpsUnit), element("span", { class: "gap" }),
      iconButton("image", words.addImages, () => view.openPicker()),
      iconButton("prompt", words.addPrompt, () => strip.addPrompt(strip.playhead)), this.undoButton, this.redoButton,
      iconButton("minus", words.zoomOut, () => view.zoomTo(view.zoom / 2), { class: "wide" }),
      iconButton("plus", words.zoomIn, () => view.zoomTo(view.zoom * 2), { class: "wide" }),
    );
  }

  render() {
    const { words, clip, playhead, present, numFrames, fps, history } = this.strip;
    this.time.textContent = words.time(playhead, (playhead / fps).toFixed(2));
    fill(this.length, present.length, clip.row.num_frames, clip.lengthLinked && words.locked);
    this.length.step = String(clip.row.frames_multiple);
    this.length.classList.toggle("wrong", snapLength(numFrames, clip.row.frames_multiple) !== numFrames);
    fill(this.rate, present.fps, clip.row.fps, clip.fpsLinked && words.locked);
    this.undoButton.disabled = !history.past.length;
    this.redoButton.disabled = !history.future.length;
    this.renderPlay();
  }

  renderPlay() {
    const mode = this.strip.player.isPlaying ? "pause" : "play";
    const { playButton } = this;
    if (playButton.dataset.mode === mode) return;
    playButton.dataset.mode = mode;
    playButton.title = this.strip.words[mode];
    playButton.setAttribute("aria-label", playButton.title);
    playButton.replaceChildren(icon(mode));
  }
}

/**
 * @param {string} title
 * @param {number} max
 * @param {(text: string) => void} changed
 */
function numberField(title, max, changed) {
  const field = element("input", { type: "number", title, "aria-label": title, min: 1, max });
  field.addEventListener("change", () => changed(field.value));
  return field;
}

/**
 * A field that is empty for the release's own number, and left alone while it is typed in.
 * @param {HTMLInputElement} field
 * @param {number} value 0: the release's
 * @param {number} ofRelease
 * @param {string | false} locked why it cannot be changed here
 */
function fill(field, value, ofRelease, locked) {
  if (document.activeElement !== field) field.value = String(value || "");
  field.placeholder = String(ofRelease);
  field.disabled = Boolean(locked);
  field.title = locked || (field.getAttribute("aria-label") ?? "");
}
