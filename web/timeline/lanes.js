// The prompts for parts of the clip, those that overlap under each other.
import { element } from "./elements.js";
import { lanesOf } from "./model.js";
import { isOutside } from "./placing.js";

export const LANE = 22; // px high

export class Lanes {
  /**
   * @param {import("./strip.js").Strip} strip
   * @param {import("./view.js").View} view
   */
  constructor(strip, view) {
    this.strip = strip;
    this.view = view;
    /** @type {HTMLElement[] | null} null before the first look */
    this.segments = null;
  }

  render() {
    const { words, present } = this.strip;
    const lanes = lanesOf(present.prompts);
    const made = present.prompts.map((segment, i) => this.makeSegment(segment, i, lanes[i]));
    // A drag holds on to its element, so elements stay as long as their number does.
    const { segments } = this;
    if (segments && made.length === segments.length) {
      made.forEach((fresh, i) => this.update(segments[i], fresh));
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

  /**
   * @param {import("./model.js").Segment} segment
   * @param {number} i
   * @param {number} lane
   */
  makeSegment(segment, i, lane) {
    const { words, chosen, numFrames } = this.strip;
    const marks = `${chosen === `prompt:${i}` ? " chosen" : ""}${isOutside(segment, numFrames) ? " wrong" : ""}`;
    const root = element("div", {
      class: `segment${marks}`,
      role: "button", title: segment.text || words.promptHint, "aria-label": words.segment(segment.text),
      "data-empty": segment.text ? "" : words.promptHint,
      ondblclick: () => this.view.inspector.text.focus(),
    }, segment.text, element("i"), element("i"));
    const left = this.view.x(segment.start);
    Object.assign(root.style, {
      left: `${left}px`, top: `${lane * LANE + 2}px`, width: `${Math.max(8, this.view.x(segment.end) - left)}px`,
    });
    return root;
  }

  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} fresh
   */
  update(root, fresh) {
    for (const { name, value } of fresh.attributes) root.setAttribute(name, value);
    if (root.firstChild instanceof Text) root.firstChild.remove();
    if (fresh.firstChild instanceof Text) root.prepend(fresh.firstChild.data);
  }
}
