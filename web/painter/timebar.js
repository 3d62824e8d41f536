// The clip as a bar: its keyframes, the shapes of the areas, and the frame that is looked at.

export class Timebar {
  /**
   * @param {import("./page.js").Page} page
   * @param {import("./editor.js").Editor} editor
   * @param {(frame: number) => void} seek called while the bar is dragged
   */
  constructor({ words, time, readout }, editor, seek) {
    this.editor = editor;
    this.seek = seek;
    this.element = document.createElement("div");
    this.element.className = "track";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "slider");
    this.element.setAttribute("aria-label", words.frame);
    this.element.setAttribute("aria-valuemin", "0");
    this.inner = this.element.appendChild(document.createElement("div"));
    this.inner.className = "inner";
    time.insertBefore(this.element, readout);
    this.listen();
  }

  listen() {
    const { element } = this;
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      this.seek(this.frameAt(event));
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) this.seek(this.frameAt(event));
    });
  }

  get last() {
    return this.editor.scene.frames - 1;
  }

  /** @param {PointerEvent} event */
  frameAt(event) {
    const { left, width } = this.inner.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    return Math.round(share * this.last);
  }

  /**
   * How far along a number of frames is.
   * @param {number} frames
   */
  share(frames) {
    return `${(100 * frames) / Math.max(1, this.last)}%`;
  }

  draw() {
    const { scene, frame, painting, active } = this.editor;
    this.element.setAttribute("aria-valuemax", String(this.last));
    this.element.setAttribute("aria-valuenow", String(frame));
    this.inner.replaceChildren();
    for (const { frame: at, url, label } of scene.keyframes) {
      if (url) Object.assign(this.add("img", "", at), { src: url, alt: label, draggable: false });
      else this.add("span", "bare", at);
    }
    this.add("div", "rail", 0).style.left = "0";
    for (const area of painting.areas) this.drawArea(area, area.id === active);
    this.add("div", "head", frame);
  }

  /**
   * @param {import("./model.js").Area} area
   * @param {boolean} isActive
   */
  drawArea({ color, keys }, isActive) {
    if (isActive && keys.length > 1) {
      const [first, last] = [keys[0].frame, keys[keys.length - 1].frame];
      this.add("div", "span", first, color).style.width = this.share(last - first);
    }
    for (const { frame } of keys) {
      if (frame > this.last) continue;
      const here = frame === this.editor.frame ? "key here" : "key";
      this.add("div", isActive ? here : "key other", frame, color);
    }
  }

  /**
   * @template {"div" | "span" | "img"} Tag
   * @param {Tag} tag
   * @param {string} className
   * @param {number} frame
   * @param {string} [color]
   */
  add(tag, className, frame, color) {
    const part = document.createElement(tag);
    part.className = className;
    part.style.left = this.share(frame);
    if (color) part.style.setProperty("--color", color);
    this.inner.append(part);
    return part;
  }
}
