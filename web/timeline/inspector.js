// The panel beside the preview: what is selected, or else the clip.
import { element, icon, iconButton } from "./elements.js";
import { clampStrength } from "./model.js";

/** @param {import("./strip.js").Strip} strip */
export class Inspector {
  constructor(strip) {
    this.strip = strip;
    const { words } = strip;
    this.build(words);
    this.root = element("div", { class: "side" }, this.clip, this.key, this.prompt);
  }

  build(words) {
    const { strip } = this;
    const remove = () => iconButton("trash", words.remove, () => strip.remove());
    const row = (label, ...children) => element("div", { class: "row" }, element("span", {}, label), ...children);

    this.counts = element("b", { style: "font-weight:600" });
    this.grid = element("span");
    this.clip = element("div", {}, this.counts, this.grid, element("span", { class: "dim wide" }, words.keys));

    this.badge = element("span", { class: "badge" }, icon("link"));
    this.label = element("b");
    this.where = element("span", { class: "number" });
    this.position = element("input", { "aria-label": words.position, title: words.positionTip });
    this.position.addEventListener("change", () => strip.change({ position: this.position.value.trim() }));
    this.force = element("span", { class: "number" });
    this.strength = element("input", {
      type: "range", min: 0.05, max: 1, step: 0.05, "aria-label": words.strength, title: words.strengthTip,
    });
    this.strength.addEventListener("input", () => strip.change({ strength: clampStrength(+this.strength.value) }, true));
    this.strength.addEventListener("change", () => strip.settle());
    this.key = element(
      "div",
      {},
      element("div", { class: "title" }, this.badge, this.label, remove()),
      row(words.position, this.position, this.where),
      row(words.strength, this.strength, this.force),
    );

    this.span = element("b");
    this.text = element("textarea", { "aria-label": words.prompt, placeholder: words.promptHint });
    this.text.addEventListener("input", () => strip.changeSegment({ text: this.text.value }, true));
    this.text.addEventListener("change", () => strip.settle());
    this.prompt = element("div", {}, element("div", { class: "title" }, this.span, remove()), this.text);
  }

  render() {
    const { strip } = this;
    const { words, numFrames, fps } = strip;
    const key = strip.chosenKey();
    const segment = strip.chosenSegment();
    this.clip.hidden = Boolean(key || segment);
    this.key.hidden = !key;
    this.prompt.hidden = !segment;
    if (key) {
      this.badge.hidden = !key.linked;
      this.badge.title = key.locked ? words.locked : words.linked;
      this.label.textContent = this.label.title = key.label;
      if (document.activeElement !== this.position) this.position.value = key.position;
      this.position.disabled = this.strength.disabled = key.locked;
      this.where.textContent = words.time(key.at, (key.at / fps).toFixed(2));
      this.strength.value = key.strength;
      this.force.textContent = key.strength.toFixed(2);
    } else if (segment) {
      this.span.textContent = words.fromTo((segment.start / fps).toFixed(2), (segment.end / fps).toFixed(2));
      if (document.activeElement !== this.text) this.text.value = segment.text;
    } else {
      this.counts.textContent = words.counts(strip.keys.length, numFrames, (numFrames / fps).toFixed(2));
      this.grid.textContent = words.grid(strip.clip.release, strip.clip.row.key_multiple);
    }
  }
}
