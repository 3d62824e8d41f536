// Mouse, pen and finger on the sheet.

export class Pen {
  /**
   * @param {import("./page.js").Page} page
   * @param {import("./editor.js").Editor} editor
   * @param {import("./stage.js").Stage} stage
   * @param {() => void} pressed called before a stroke begins
   */
  constructor(page, editor, stage, pressed) {
    this.page = page;
    this.editor = editor;
    this.stage = stage;
    this.pressed = pressed;
    this.listen();
  }

  listen() {
    const { sheet } = this.page;
    sheet.addEventListener("contextmenu", (event) => event.preventDefault());
    sheet.addEventListener("pointerdown", (event) => this.down(event));
    sheet.addEventListener("pointermove", (event) => this.move(event));
    sheet.addEventListener("pointerup", (event) => {
      const stroke = this.strokeOf(event);
      if (stroke) this.editor.endStroke(stroke);
    });
    sheet.addEventListener("pointercancel", (event) => {
      if (this.strokeOf(event)) this.editor.cancelStroke();
    });
    sheet.addEventListener("pointerleave", () => {
      this.stage.over = null;
      this.stage.drawRing();
    });
  }

  /**
   * The stroke that this pointer pulls.
   * @param {PointerEvent} event
   */
  strokeOf(event) {
    const { stroke } = this.editor;
    return stroke?.pointer === event.pointerId ? stroke : null;
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button === 1 || !event.isPrimary || this.editor.stroke) return;
    event.preventDefault();
    this.page.keys.focus({ preventScroll: true });
    this.pressed();
    this.page.sheet.setPointerCapture(event.pointerId);
    const isEraser = event.button === 2 || event.button === 5 || (event.buttons & 32) !== 0; // 5 and 32: a pen's other end
    this.extend(this.editor.beginStroke(event.pointerId, { isEraser, alt: event.altKey }), event);
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.stage.over = this.stage.dabOf(event);
    const stroke = this.strokeOf(event);
    if (stroke) this.extend(stroke, event);
    this.stage.drawRing();
  }

  /**
   * @param {import("./stroke.js").Stroke} stroke
   * @param {PointerEvent} event
   */
  extend(stroke, event) {
    const softness = Number(this.page.sliders.softness.value) / 100;
    const events = event.getCoalescedEvents?.() ?? []; // where a fast pen was since the last picture of the screen
    for (const one of events.length ? events : [event]) stroke.extend(this.stage.dabOf(one), softness);
    this.stage.drawStroke(stroke);
  }
}
