// The painter in a root element: its parts, and what happens between them. It knows the host only by what it is given.
import { targetOf } from "../page.js";
import { Player } from "../player.js";
import { AreaList } from "./areas.js";
import { Backdrop } from "./backdrop.js";
import { makeRun } from "./commands.js";
import { Editor } from "./editor.js";
import { Keyboard } from "./keyboard.js";
import { buildPage } from "./page.js";
import { Pen } from "./pen.js";
import { Stage } from "./stage.js";
import { addPainterStyle } from "./style.js";
import { Timebar } from "./timebar.js";
import { Toolbar } from "./toolbar.js";

/**
 * @param {HTMLElement} root
 * @param {import("./editor.js").Host} host
 */
export function createPainter(root, host) {
  return new Painter(root, host);
}

class Painter {
  /**
   * @param {HTMLElement} root
   * @param {import("./editor.js").Host} host
   */
  constructor(root, host) {
    addPainterStyle();
    const page = buildPage(root, host.words);
    const editor = new Editor(host, () => this.draw());
    this.page = page;
    this.editor = editor;
    this.from = 0; // frame at which playing began
    this.player = new Player((seconds) => this.playing(seconds));
    this.stage = new Stage(page, editor);
    this.backdrop = new Backdrop(page, editor);
    this.toolbar = new Toolbar(page, editor, this.player);
    this.areas = new AreaList(page, editor);
    this.timebar = new Timebar(page, editor, (frame) => {
      this.stop();
      editor.seek(frame);
    });
    this.run = makeRun(page, editor, () => this.play(), () => {
      this.refresh();
      this.draw();
    });
    this.pen = new Pen(page, editor, this.stage, () => this.stop());
    this.keyboard = new Keyboard(page, editor, this.stage, this.timebar, this.run);
    this.listen();
    this.draw();
    this.backdrop.readSubject();
  }

  /** None of our events reaches the graph behind, but the middle button, which pans it. */
  listen() {
    const { root } = this.page;
    for (const name of /** @type {const} */ (["pointerdown", "pointermove", "pointerup", "mousedown", "dblclick", "contextmenu"])) {
      root.addEventListener(name, (event) => {
        if (event.button !== 1 && !(event.buttons & 4)) event.stopPropagation();
      });
    }
    root.addEventListener("pointerenter", () => this.refresh());
    root.addEventListener("click", (event) => this.clicked(event));
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = targetOf(event);
    const chip = /** @type {HTMLElement | null} */ (target.closest(".area"));
    const id = chip?.dataset.id;
    if (id) this.editor.active = id;
    const pressed = /** @type {HTMLElement | null} */ (target.closest("[data-do]"));
    if (pressed) this.run(/** @type {import("./page.js").Command} */ (pressed.dataset.do), id);
    else if (chip && id && event.detail === 2) return this.areas.rename(chip, id); // no dblclick comes, as the first click draws a new chip
    else if (chip) this.draw();
    if (event.detail > 0 && !target.matches("input, select")) this.page.keys.focus({ preventScroll: true });
  }

  draw() {
    this.stage.draw();
    this.backdrop.draw();
    this.toolbar.draw();
    this.areas.draw();
    this.timebar.draw();
    this.stage.drawRing(); // last, as the rows above give the sheet its size
  }

  // ---- time

  play() {
    if (this.player.isPlaying) return this.stop();
    this.from = this.editor.frame;
    this.player.start();
  }

  /** @param {number} seconds since it began */
  playing(seconds) {
    const { editor, page } = this;
    if (!page.root.isConnected) return this.stop();
    const frame = (this.from + Math.floor(seconds * editor.scene.fps)) % editor.scene.frames;
    if (frame !== editor.frame) editor.seek(frame);
  }

  stop() {
    if (!this.player.isPlaying) return;
    this.player.stop();
    this.draw();
  }

  // ---- what the widget asks

  painting() {
    return this.editor.painting;
  }

  /** Look whether the scene has changed. */
  refresh() {
    const before = this.editor.scene.subject;
    if (!this.editor.refresh()) return;
    this.draw();
    if (this.editor.scene.subject !== before) this.backdrop.readSubject();
  }

  /** @param {import("./model.js").Painting} painting */
  load(painting) {
    this.editor.load(painting);
    this.backdrop.forget();
    this.draw();
    this.backdrop.readSubject();
  }

  /** @param {string} text */
  warn(text) {
    this.editor.warning = text;
    this.draw();
  }
}
