// Mouse, pen, keyboard and what is dropped on the strip.
import { snapToGrid } from "./grid.js";
import { editSegment } from "./model.js";

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
    for (const name of ["pointerdown", "dblclick"]) root.addEventListener(name, (event) => event.stopPropagation());
    root.addEventListener("click", (event) => {
      if (event.target.closest("button") && !event.target.closest(".picker")) this.strip.focus();
    });
    root.addEventListener("paste", (event) => this.pasted(event));
    root.addEventListener("dragover", (event) => this.dragover(event));
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(event.relatedTarget)) this.aim(null);
    });
    root.addEventListener("drop", (event) => this.dropped(event));
    this.view.scroll.addEventListener("scroll", () => this.view.drawPaper());
    this.view.scroll.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const area of [this.view.scrub, this.view.row]) {
      area.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || event.target !== area) return;
        if (area === this.view.row) this.strip.choose(null);
        this.strip.seek(this.view.frameAt(event));
        this.follow(event, (moved) => this.strip.seek(this.view.frameAt(moved)), { threshold: 0 });
      });
    }
    this.view.prompts.addEventListener("pointerdown", (event) => event.target === this.view.prompts && this.strip.choose(null));
    this.view.prompts.addEventListener("dblclick", (event) => {
      if (!event.target.closest(".segment")) this.strip.addPrompt(this.strip.clamped(this.view.frameAt(event)));
    });
  }

  // --- pointer -------------------------------------------------------------------------------------------------------

  /** Moves of the pointer until it is released; `escape` takes back what they did. */
  follow(down, move, { threshold = 3, end = () => {} } = {}) {
    this.strip.focus();
    const target = down.currentTarget;
    target.setPointerCapture(down.pointerId);
    const abort = new AbortController();
    let began = threshold === 0;
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

  dragKey(down, id) {
    if (down.button !== 0) return;
    this.strip.choose(id);
    const key = this.strip.chosenKey();
    const base = this.strip.present;
    const offset = this.view.frameAt(down, false) - key.at; // it stays under the pointer where it was taken
    const card = down.currentTarget;
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

  dragSegment(down, index, edge) {
    if (down.button !== 0) return;
    this.strip.choose(`prompt:${index}`);
    const base = this.strip.present;
    const { start, end } = base.prompts[index];
    const from = this.view.frameAt(down, false);
    this.follow(down, (event) => {
      const by = Math.round(this.view.frameAt(event, false) - from);
      const change = {
        start: { start: Math.max(0, Math.min(end - 1, start + by)) },
        end: { end: Math.max(start + 1, Math.min(this.strip.numFrames, end + by)) },
        both: shifted(start, end, by, this.strip.numFrames),
      }[edge];
      this.strip.show(editSegment(base, index, change));
      this.strip.seek(edge === "end" ? change.end - 1 : change.start);
    });
  }

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

  keydown(event) {
    const command = event.ctrlKey || event.metaKey;
    const field = event.target.closest("input, textarea");
    const itsOwn = field && (field.type !== "range" || /^(Arrow|Home|End|Page)/.test(event.key));
    if (this.view.picker || itsOwn) {
      const done = event.key === "Escape" || (event.key === "Enter" && field?.tagName === "INPUT");
      if (done && !this.view.picker && !command) this.strip.focus();
      if (!command) event.stopPropagation();
      return;
    }
    const act = command ? this.commandFor(event) : this.actionFor(event);
    if (act && !(event.target.matches("button") && [" ", "Enter"].includes(event.key))) {
      act();
      event.preventDefault();
    }
    if (act || !command) event.stopPropagation(); // ctrl+s, ctrl+enter, ... are the host's
  }

  commandFor({ key, shiftKey }) {
    if (key.toLowerCase() === "z") return () => (shiftKey ? this.strip.redo() : this.strip.undo());
    if (key.toLowerCase() === "y") return () => this.strip.redo();
    return null;
  }

  actionFor({ key, shiftKey }) {
    const by = (shiftKey ? 5 : 1) * (key === "ArrowLeft" ? -1 : 1);
    return {
      ArrowLeft: () => this.stepBy(by),
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
    }[key];
  }

  stepBy(by) {
    const key = this.strip.chosenKey();
    const segment = this.strip.chosenSegment();
    if (key) this.strip.nudge(key, by);
    else if (segment) this.strip.changeSegment(shifted(segment.start, segment.end, by, this.strip.numFrames));
    else this.strip.seek(this.strip.playhead + by);
  }

  toEnd(way) {
    const key = this.strip.chosenKey();
    if (key) this.strip.nudge(key, way * this.strip.numFrames);
    else this.strip.seek(way * this.strip.numFrames);
  }

  // --- pictures from outside -----------------------------------------------------------------------------------------

  dragover(event) {
    const types = event.dataTransfer.types;
    if (!types.includes("Files") && !types.includes("text/uri-list")) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    this.aim(this.dropFrame(event));
  }

  dropFrame(event) {
    const over = this.view.scroll.contains(event.target);
    return this.strip.freeFrames(1, over ? this.strip.clamped(this.view.frameAt(event)) : this.strip.playhead)[0] ?? null;
  }

  aim(frame) {
    this.strip.target = frame;
    this.strip.root.classList.toggle("dropping", frame !== null);
    this.view.drawPaper();
  }

  dropped(event) {
    event.preventDefault();
    event.stopPropagation();
    const at = this.dropFrame(event) ?? 0;
    this.aim(null);
    this.strip.focus();
    const image = this.strip.host.draggedImage(event.dataTransfer);
    if (image) this.strip.place([{ kind: "file", id: image }], at);
    else this.strip.store([...event.dataTransfer.files], at);
  }

  pasted(event) {
    if (event.target.matches("input, textarea") || !event.clipboardData.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    this.strip.store([...event.clipboardData.files], this.strip.playhead);
  }
}

/** A segment moved by whole frames, within the clip. */
function shifted(start, end, by, numFrames) {
  const moved = Math.max(-start, Math.min(numFrames - end, by));
  return { start: start + moved, end: end + moved };
}
