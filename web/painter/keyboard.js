// The keys of the painter. All others, and ctrl with anything but z and y, are the host's.
import { targetOf } from "../page.js";

/** @type {Record<string, import("./stroke.js").Tool>} */
const TOOL_KEYS = { b: "brush", e: "eraser", r: "rectangle", l: "lasso", f: "fill" };

export class Keyboard {
  /**
   * @param {import("./page.js").Page} page
   * @param {import("./editor.js").Editor} editor
   * @param {import("./stage.js").Stage} stage
   * @param {import("./timebar.js").Timebar} timebar
   * @param {(name: import("./page.js").Command) => void} run
   */
  constructor(page, editor, stage, timebar, run) {
    this.page = page;
    this.editor = editor;
    this.stage = stage;
    this.timebar = timebar;
    this.run = run;
    page.root.addEventListener("keydown", (event) => this.down(event));
  }

  /** @param {KeyboardEvent} event */
  down(event) {
    const target = targetOf(event);
    if (target instanceof HTMLInputElement && target.type === "text" && target !== this.page.keys) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return; // the host's own: save, run
      event.preventDefault();
      event.stopPropagation();
      this.run(key === "y" || event.shiftKey ? "redo" : "undo");
      return;
    }
    event.stopPropagation();
    if (!event.altKey) this.press(key, target);
  }

  /**
   * @param {string} key
   * @param {HTMLElement} target
   */
  press(key, target) {
    const { editor } = this;
    if (TOOL_KEYS[key]) this.run(TOOL_KEYS[key]);
    else if (key === "x") this.run(editor.tool === "brush" ? "eraser" : "brush");
    else if (key === "[") this.stage.resizeBrush(-1);
    else if (key === "]") this.stage.resizeBrush(1);
    else if (key === "escape" && editor.stroke) editor.cancelStroke();
    else if (target === this.timebar.element && key === "arrowleft") this.step(-1);
    else if (target === this.timebar.element && key === "arrowright") this.step(1);
  }

  /** @param {1 | -1} by */
  step(by) {
    const { frame, scene } = this.editor;
    this.editor.seek(Math.min(scene.frames - 1, Math.max(0, frame + by)));
  }
}
