// The prompts for parts of the clip, those that overlap under each other.
import { element } from "./elements.js";
import { lanesOf } from "./model.js";

export const LANE = 22; // px high

export class Lanes {
  /**
   * @param {import("./strip.js").Strip} strip
   * @param {import("./view.js").View} view
   */
  constructor(strip, view) {
    this.strip = strip;
    this.view = view;
  }

  render() {
    const { words, present } = this.strip;
    const lanes = lanesOf(present.prompts);
    const made = present.prompts.map((segment, i) => {
      const root = element("div", {
        class: `segment${this.strip.chosen === `prompt:${i}` ? " chosen" : ""}${this.strip.isOutside(segment) ? " wrong" : ""}`,
        role: "button", title: segment.text || words.promptHint, "aria-label": words.segment(segment.text),
        "data-empty": segment.text ? "" : words.promptHint,
        ondblclick: () => this.view.inspector.text.focus(),
      }, segment.text, element("i"), element("i"));
      const left = this.view.x(segment.start);
      Object.assign(root.style, {
        left: `${left}px`, top: `${lanes[i] * LANE + 2}px`, width: `${Math.max(8, this.view.x(segment.end) - left)}px`,
      });
      return root;
    });
    // A drag holds on to its element, so elements stay as long as their number does.
    if (made.length === this.segments?.length) {
      made.forEach((fresh, i) => this.update(this.segments[i], fresh));
      return;
    }
    this.segments = made;
    made.forEach((root, i) => root.addEventListener("pointerdown", (event) => {
      const [start, end] = root.querySelectorAll("i");
      this.view.input.dragSegment(event, i, event.target === start ? "start" : event.target === end ? "end" : "both");
    }));
    const hint = element("span", { class: "hint" }, words.promptsEmpty);
    this.view.prompts.replaceChildren(...(made.length ? made : [hint]));
  }

  update(root, fresh) {
    for (const { name, value } of fresh.attributes) root.setAttribute(name, value);
    if (root.firstChild.nodeType === Node.TEXT_NODE) root.firstChild.remove();
    if (fresh.firstChild.nodeType === Node.TEXT_NODE) root.prepend(fresh.firstChild.data);
  }
}
