// The buttons, the sliders' numbers, the frame's and the hint: as the editor's state has them.
import { find } from "../page.js";
import { hintOf } from "./hint.js";
import { isBlank } from "./raster.js";
import { icon } from "./style.js";
import { TOOLS } from "./stroke.js";

/** @typedef {import("./page.js").Command} Command */

export class Toolbar {
  /**
   * @param {import("./page.js").Page} page
   * @param {import("./editor.js").Editor} editor
   * @param {import("../player.js").Player} player
   */
  constructor(page, editor, player) {
    this.page = page;
    this.editor = editor;
    this.player = player;
    for (const slider of Object.values(page.sliders)) slider.addEventListener("input", () => editor.redraw());
  }

  draw() {
    this.drawButtons();
    for (const [name, slider] of Object.entries(this.page.sliders)) {
      find(this.page.root, `output[name=${name}]`, HTMLOutputElement).value = slider.value;
    }
    this.page.readout.innerHTML = `${this.editor.frame} <small>/ ${this.editor.scene.frames - 1}</small>`;
    const { text, isWarning } = hintOf(this.editor);
    this.page.hint.textContent = text;
    this.page.hint.title = text;
    this.page.hint.classList.toggle("warning", isWarning);
  }

  drawButtons() {
    const { editor } = this;
    const { area, shape, history, frame } = editor;
    for (const name of TOOLS) this.press(name, editor.tool === name);
    this.press("onion", editor.onion);
    this.press("invert", editor.scene.invert);
    this.enable("undo", history.past.length > 0);
    this.enable("redo", history.future.length > 0);
    this.enable("clear", area !== undefined && !isBlank(editor.maskOf(area)));
    this.enable("addShape", area !== undefined && area.keys.length > 0 && !shape);
    this.enable("copyShape", area !== undefined && area.keys.some((key) => key.frame < frame));
    this.enable("removeShape", shape !== undefined);
    this.button("play").innerHTML = icon(this.player.isPlaying ? "pause" : "play");
  }

  /** @param {Command} name */
  button(name) {
    return find(this.page.root, `[data-do=${name}]`, HTMLButtonElement);
  }

  /**
   * @param {Command} name
   * @param {boolean} on
   */
  press(name, on) {
    this.button(name).setAttribute("aria-pressed", String(on));
  }

  /**
   * @param {Command} name
   * @param {boolean} on
   */
  enable(name, on) {
    this.button(name).disabled = !on;
  }
}
