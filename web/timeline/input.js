// Mouse, pen, keyboard and what is dropped on the strip.
import { targetOf } from "../page.js";
import { placeDrawings, storeDrawings } from "./drawings.js";
import { snapToGrid } from "./grid.js";
import { editSegment } from "./model.js";
import { freeFrames } from "./placing.js";

const DRAG_PX = 3; // less is a click

export class Input {
  /**
   * @param {import("./strip.js").Strip} strip
   * @param {import("./view.js").View} view
   */
  constructor(strip, view) {
    this.strip = strip;
    this.view = view;
    this.listen();
  }

  listen() {
    const { root } = this.strip;
    root.addEventListener("keydown", (event) => this.keydown(event));
    root.addEventListener("dblclick", (event) => event.stopPropagation());
    root.addEventListener("pointerdown", (event) => event.button !== 1 && event.stopPropagation()); // which pans
    root.addEventListener("click", (event) => {
      const target = targetOf(event);
      if (target.closest("button") && !target.closest(".picker")) this.strip.focus();
    });
    root.addEventListener("paste", (event) => this.pasted(event));
    root.addEventListener("dragover", (event) => this.dragover(event));
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(/** @type {Node | null} */ (event.relatedTarget))) this.aim(null);
    });
    root.addEventListener("drop", (event) => this.dropped(event));
    this.view.scroll.addEventListener("scroll", () => this.view.drawPaper());
    this.view.scroll.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const area of [this.view.scrub, this.view.row]) {
      area.addEventListener("pointerdown", (event) => event.target === area && this.scrub(event, area));
    }
    this.view.prompts.addEventListener("pointerdown", (event) => event.target === this.view.prompts && this.strip.choose(null));
    this.view.prompts.addEventListener("dblclick", (event) => {
      if (!targetOf(event).closest(".segment")) this.strip.addPrompt(this.strip.clamped(this.view.frameAt(event)));
    });
  }

  // --- pointer -------------------------------------------------------------------------------------------------------

  /**
   * @param {PointerEvent} down
   * @param {HTMLElement} area
   */
  scrub(down, area) {
    if (down.button !== 0) return;
    if (area === this.view.row) this.strip.choose(null);
    this.strip.seek(this.view.frameAt(down));
    this.follow(down, (event) => this.strip.seek(this.view.frameAt(event)), { threshold: 0 });
  }

  /**
   * Moves of the pointer until it is released; `escape` takes back what they did.
   * @param {PointerEvent} down
   * @param {(event: PointerEvent) => void} move
   */
  follow(down, move, { threshold = DRAG_PX, end = () => {} } = {}) {
    this.strip.focus();
    const target = /** @type {HTMLElement} */ (down.currentTarget);
    target.setPointerCapture(down.pointerId);
    const abort = new AbortController();
    let began = threshold === 0;
    /** @type {(name: "pointermove" | "pointerup" | "pointercancel", act: (event: PointerEvent) => void) => void} */
    const on = (name, act) => target.addEventListener(name, act, { signal: abort.signal });
    const finish = () => {
      abort.abort();
      this.strip.drag = null;
      this.strip.target = null;
      end();
      this.strip.settle();
    };
    on("pointermove", (event) => {
      began ||= Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) >= threshold;
      if (began) move(event);
    });
    on("pointerup", finish);
    on("pointercancel", finish);
    this.strip.drag = {
      cancel: () => {
        if (this.strip.base) this.strip.show(this.strip.base);
        finish();
      },
    };
  }

  /**
   * @param {PointerEvent} down
   * @param {string} id
   */
  dragKey(down, id) {
    if (down.button !== 0) return;
    this.strip.choose(id);
    const key = this.strip.chosenKey();
    if (!key) return;
    const base = this.strip.present;
    const offset = this.view.frameAt(down, false) - key.at; // it stays under the pointer where it was taken
    const card = /** @type {HTMLElement} */ (down.currentTarget);
    /** @param {PointerEvent} event */
    const move = (event) => {
      if (key.locked) return this.strip.say(this.strip.words.locked);
      card.classList.add("dragged");
      const frame = Math.round(this.view.frameAt(event, false) - offset);
      const next = this.strip.movedTo(base, key, frame);
      this.strip.target = snapToGrid(this.strip.clamped(frame), this.strip.numFrames, this.strip.clip.row.key_multiple);
      if (!next) return this.view.drawPaper();
      this.strip.playhead = this.strip.target;
      this.strip.show(next);
      this.view.reveal();
    };
    this.follow(down, move, { end: () => card.classList.remove("dragged") });
  }

  /**
   * @param {PointerEvent} down
   * @param {number} index
   * @param {"start" | "end" | "both"} edge
   */
  dragSegment(down, index, edge) {
    if (down.button !== 0) return;
    this.strip.choose(`prompt:${index}`);
    const base = this.strip.present;
    const { start, end } = base.prompts[index];
    const from = this.view.frameAt(down, false);
    this.follow(down, (event) => {
      const by = Math.round(this.view.frameAt(event, false) - from);
      const change = {
        start: { start: Math.max(0, Math.min(end - 1, start + by)), end },
        end: { start, end: Math.max(start + 1, Math.min(this.strip.numFrames, end + by)) },
        both: shifted(start, end, by, this.strip.numFrames),
      }[edge];
      this.strip.show(editSegment(base, index, change));
      this.strip.seek(edge === "end" ? change.end - 1 : change.start);
    });
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (event.ctrlKey) {
      this.view.zoomTo(this.view.zoom * (event.deltaY < 0 ? 1.25 : 0.8), this.view.frameAt(event, false));
    } else if (this.view.zoom > 1) {
      this.view.scroll.scrollLeft += event.deltaY + event.deltaX;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // --- keyboard ------------------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  keydown(event) {
    const command = event.ctrlKey || event.metaKey;
    const field = fieldOf(event);
    if (this.view.picker || field) {
      if (!command) this.typed(event, field);
      return;
    }
    const act = command ? this.commandFor(event) : this.actionFor(event);
    if (act && !pressesButton(event)) {
      act();
      event.preventDefault();
    }
    if (act || !command) event.stopPropagation(); // ctrl+s, ctrl+enter, ... are the host's
  }

  /**
   * A key for a field or the picker: kept from the host, and at the end of typing the focus is the strip's again.
   * @param {KeyboardEvent} event
   * @param {Element | null} field
   */
  typed(event, field) {
    event.stopPropagation();
    const isEnter = event.key === "Enter" && !event.shiftKey && !event.isComposing; // an input method takes Enter too
    if (this.view.picker || !(isEnter || event.key === "Escape")) return;
    if (field?.tagName === "TEXTAREA") event.preventDefault(); // no new line
    this.strip.focus();
  }

  /** @param {KeyboardEvent} event */
  commandFor({ key, shiftKey }) {
    if (key.toLowerCase() === "z") return () => (shiftKey ? this.strip.redo() : this.strip.undo());
    if (key.toLowerCase() === "y") return () => this.strip.redo();
    return null;
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {(() => void) | undefined}
   */
  actionFor({ key, shiftKey }) {
    const by = shiftKey ? 5 : 1;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => this.stepBy(-by),
      ArrowRight: () => this.stepBy(by),
      ArrowUp: () => this.strip.chooseNext(-1),
      ArrowDown: () => this.strip.chooseNext(1),
      Home: () => this.toEnd(-1),
      End: () => this.toEnd(1),
      Delete: () => this.strip.remove(),
      Backspace: () => this.strip.remove(),
      Escape: () => (this.strip.drag ? this.strip.drag.cancel() : this.strip.choose(null)),
      Enter: () => this.strip.chosenSegment() && this.view.inspector.text.focus(),
      " ": () => this.strip.play(),
    };
    return actions[key];
  }

  /** @param {number} by steps of the grid for a keyframe, else frames */
  stepBy(by) {
    const key = this.strip.chosenKey();
    const segment = this.strip.chosenSegment();
    if (key) this.strip.nudge(key, by);
    else if (segment) this.strip.changeSegment(shifted(segment.start, segment.end, by, this.strip.numFrames));
    else this.strip.seek(this.strip.playhead + by);
  }

  /** @param {1 | -1} way */
  toEnd(way) {
    const key = this.strip.chosenKey();
    if (key) this.strip.nudge(key, way * this.strip.numFrames);
    else this.strip.seek(way * this.strip.numFrames);
  }

  // --- pictures from outside -----------------------------------------------------------------------------------------

  /** @param {DragEvent} event */
  dragover(event) {
    const types = event.dataTransfer?.types ?? [];
    if (!event.dataTransfer || (!types.includes("Files") && !types.includes("text/uri-list"))) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    this.aim(this.dropFrame(event));
  }

  /** @param {DragEvent} event */
  dropFrame(event) {
    const over = this.view.scroll.contains(targetOf(event));
    const at = over ? this.strip.clamped(this.view.frameAt(event)) : this.strip.playhead;
    return freeFrames(this.strip, 1, at)[0] ?? null;
  }

  /** @param {number | null} frame where a drop would go */
  aim(frame) {
    this.strip.target = frame;
    this.strip.root.classList.toggle("dropping", frame !== null);
    this.view.drawPaper();
  }

  /** @param {DragEvent} event */
  dropped(event) {
    event.preventDefault();
    event.stopPropagation();
    const at = this.dropFrame(event) ?? 0;
    this.aim(null);
    this.strip.focus();
    if (!event.dataTransfer) return;
    const image = this.strip.host.draggedImage(event.dataTransfer);
    if (image) placeDrawings(this.strip, [{ kind: "file", id: image }], at);
    else storeDrawings(this.strip, [...event.dataTransfer.files], at);
  }

  /** @param {ClipboardEvent} event */
  pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (targetOf(event).matches("input, textarea") || !files.length) return;
    event.preventDefault();
    event.stopPropagation();
    storeDrawings(this.strip, files, this.strip.playhead);
  }
}

/**
 * The field that a key is for; a slider takes only those that move it.
 * @param {KeyboardEvent} event
 */
function fieldOf(event) {
  const field = targetOf(event).closest("input, textarea");
  const isSlider = field instanceof HTMLInputElement && field.type === "range";
  return isSlider && !/^(Arrow|Home|End|Page)/.test(event.key) ? null : field;
}

/**
 * The browser clicks the button that has the focus.
 * @param {KeyboardEvent} event
 */
const pressesButton = (event) => targetOf(event).matches("button") && [" ", "Enter"].includes(event.key);

/**
 * A segment moved by whole frames, within the clip.
 * @param {number} start
 * @param {number} end
 * @param {number} by
 * @param {number} numFrames
 */
function shifted(start, end, by, numFrames) {
  const moved = Math.max(-start, Math.min(numFrames - end, by));
  return { start: start + moved, end: end + moved };
}
