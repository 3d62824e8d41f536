// The panel beside the preview: what is selected, or else the clip.
import { element, icon, iconButton } from "./elements.js";
import { clampStrength } from "./model.js";

export class Inspector {
  /** @param {import("./strip.js").Strip} strip */
  constructor(strip) {
    const { words } = strip;
    this.strip = strip;
    this.clip = new ClipPanel(words);
    this.key = new KeyPanel(strip);
    this.prompt = new PromptPanel(strip);
    this.root = element("div", { class: "side" }, this.clip.root, this.key.root, this.prompt.root);
  }

  /** The selected prompt's. */
  get text() {
    return this.prompt.text;
  }

  render() {
    const key = this.strip.chosenKey();
    const segment = this.strip.chosenSegment();
    this.clip.root.hidden = Boolean(key || segment);
    this.key.root.hidden = !key;
    this.prompt.root.hidden = !segment;
    if (key) this.key.render(key);
    else if (segment) this.prompt.render(segment);
    else this.clip.render(this.strip);
  }
}

class ClipPanel {
  /** @param {import("./words.js").Words} words */
  constructor(words) {
    this.counts = element("b", { style: "font-weight:600" });
    this.grid = element("span");
    this.root = element("div", {}, this.counts, this.grid, element("span", { class: "dim wide" }, words.keys));
  }

  /** @param {import("./strip.js").Strip} strip */
  render({ words, keys, numFrames, fps, clip }) {
    this.counts.textContent = words.counts(keys.length, numFrames, (numFrames / fps).toFixed(2));
    this.grid.textContent = words.grid(clip.release, clip.row.key_multiple);
  }
}

class KeyPanel {
  /** @param {import("./strip.js").Strip} strip */
  constructor(strip) {
    const { words } = strip;
    this.strip = strip;
    this.badge = element("span", { class: "badge" }, icon("link"));
    this.label = element("b");
    this.where = element("span", { class: "number" });
    this.position = element("input", { "aria-label": words.position, title: words.positionTip });
    this.force = element("span", { class: "number" });
    this.strength = element("input", {
      type: "range", min: 0.05, max: 1, step: 0.05, "aria-label": words.strength, title: words.strengthTip,
    });
    this.root = element(
      "div",
      {},
      element("div", { class: "title" }, this.badge, this.label, removeButton(strip)),
      row(words.position, this.position, this.where),
      row(words.strength, this.strength, this.force),
    );
    this.listen();
  }

  listen() {
    const { strip, position, strength } = this;
    position.addEventListener("change", () => strip.change({ position: position.value.trim() }));
    strength.addEventListener("input", () => strip.change({ strength: clampStrength(Number(strength.value)) }, true));
    strength.addEventListener("change", () => strip.settle());
  }

  /** @param {import("./placing.js").Key} key */
  render(key) {
    const { words, fps } = this.strip;
    this.badge.hidden = !key.linked;
    this.badge.title = key.locked ? words.locked : words.linked;
    this.label.textContent = this.label.title = key.label;
    if (document.activeElement !== this.position) this.position.value = key.position;
    this.position.disabled = this.strength.disabled = key.locked;
    this.where.textContent = words.time(key.at, (key.at / fps).toFixed(2));
    this.strength.value = String(key.strength);
    this.force.textContent = key.strength.toFixed(2);
  }
}

class PromptPanel {
  /** @param {import("./strip.js").Strip} strip */
  constructor(strip) {
    const { words } = strip;
    this.strip = strip;
    this.span = element("b");
    this.text = element("textarea", { "aria-label": words.prompt, placeholder: words.promptHint, title: words.promptTip });
    this.text.addEventListener("input", () => strip.changeSegment({ text: this.text.value }, true));
    this.text.addEventListener("change", () => strip.settle());
    this.root = element("div", {}, element("div", { class: "title" }, this.span, removeButton(strip)), this.text);
  }

  /** @param {import("./model.js").Segment} segment */
  render({ start, end, text }) {
    const { words, fps } = this.strip;
    this.span.textContent = words.fromTo((start / fps).toFixed(2), (end / fps).toFixed(2));
    if (document.activeElement !== this.text) this.text.value = text;
  }
}

/** @param {import("./strip.js").Strip} strip */
const removeButton = (strip) => iconButton("trash", strip.words.remove, () => strip.remove());

/**
 * @param {string} label
 * @param {Node[]} children
 */
const row = (label, ...children) => element("div", { class: "row" }, element("span", {}, label), ...children);
