// The training in a root element, drawn from the last message alone: facts, loss, samples, warnings and the folder's report.
import { find } from "../page.js";
import { drawCurve } from "./curve.js";
import { addTrainerStyle } from "./style.js";
import { duration } from "./text.js";

/**
 * @typedef {import("./text.js").Words} Words
 * @typedef {{filename: string, subfolder: string, version: string}} Sheet a picture of samples
 *
 * @typedef {object} Message of nodes/training_service/follow.py
 * @property {keyof Words["phases"]} phase
 * @property {number} done
 * @property {number} total
 * @property {number} seconds_left
 * @property {number} gigabytes 0 where it is not known
 * @property {number} motion_ratio 0 before the first samples
 * @property {Sheet | null} sheet
 * @property {string[]} report
 * @property {string[]} warnings
 * @property {import("./curve.js").Point[]} curve
 *
 * @typedef {{words: Words, viewUrl: (sheet: Sheet) => string}} Host
 */

const MARKUP = `
    <div class="idle"></div>
    <div class="facts"><span class="phase" role="status"></span><span class="done"></span>
      <span class="rest"><span class="left"></span><span class="memory"></span></span></div>
    <div class="bar"><div></div></div>
    <div class="warnings" role="alert"></div>
    <div class="curve" role="img"><canvas></canvas></div>
    <figure><a target="_blank" rel="noopener"><img></a><figcaption></figcaption></figure>
    <details><summary></summary><div class="lines"></div></details>`;

/**
 * @param {HTMLElement} root
 * @param {Host} host
 */
export function createView(root, host) {
  return new View(root, host);
}

class View {
  /**
   * @param {HTMLElement} root
   * @param {Host} host
   */
  constructor(root, { words, viewUrl }) {
    this.root = root;
    this.words = words;
    this.viewUrl = viewUrl;
    /** @type {Message | null} */
    this.last = null;
    addTrainerStyle();
    root.classList.add("anisora-trainer");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", words.view);
    root.innerHTML = MARKUP;
    this.canvas = find(root, "canvas", HTMLCanvasElement);
    this.link = find(root, "a", HTMLAnchorElement);
    this.image = find(root, "img", HTMLImageElement);
    this.label();
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.find(".curve"));
    this.show(null);
  }

  /** @param {string} selector */
  find(selector) {
    return find(this.root, selector, HTMLElement);
  }

  label() {
    const { words } = this;
    this.find(".idle").textContent = words.idle;
    this.find(".memory").title = words.memoryTip;
    this.find(".curve").title = words.loss;
    this.find(".curve").setAttribute("aria-label", words.loss);
    this.link.title = words.sheet;
    this.image.alt = words.sheet;
  }

  /** @param {Message | null} message null: nothing was trained yet */
  show(message) {
    this.last = message;
    this.root.dataset.phase = message?.phase ?? "";
    for (const part of this.root.children) /** @type {HTMLElement} */ (part).hidden = !message;
    this.find(".idle").hidden = Boolean(message);
    if (!message) return;
    this.showFacts(message);
    this.find(".warnings").replaceChildren(...message.warnings.map(line));
    this.find(".warnings").hidden = !message.warnings.length;
    this.find(".curve").hidden = !message.curve.length;
    this.draw();
    this.showSheet(message);
    this.showReport(message.report);
  }

  /** @param {Message} message */
  showFacts({ phase, done, total, seconds_left: left, gigabytes }) {
    const { words } = this;
    const isTraining = phase === "training" || phase === "stopping";
    this.find(".phase").textContent = words.phases[phase];
    this.find(".done").textContent = phase === "encoding" ? words.of(done, total) : words.step(done, total);
    this.find(".left").textContent = isTraining && done < total ? words.left(duration(left, words)) : "";
    this.find(".memory").textContent = gigabytes ? words.memory(gigabytes) : "";
    this.find(".bar div").style.width = `${(100 * done) / Math.max(1, total)}%`;
  }

  draw() {
    if (!this.last?.curve.length) return;
    const { phase, curve, total } = this.last;
    const steps = phase === "encoding" ? curve[curve.length - 1][0] : total;
    const style = getComputedStyle(this.root);
    /** @param {string} name */
    const color = (name) => style.getPropertyValue(`--${name}`);
    drawCurve(this.canvas, curve, steps, { line: color("line"), faint: color("faint"), hot: color("hot") });
  }

  /** @param {Message} message */
  showSheet({ sheet, motion_ratio: ratio }) {
    this.find("figure").hidden = !sheet;
    if (!sheet) return;
    const url = this.viewUrl(sheet);
    if (this.link.href !== new URL(url, location.href).href) this.link.href = this.image.src = url;
    const step = Number(/\d+/.exec(sheet.filename));
    const { words } = this;
    this.find("figcaption").textContent = [words.sampled(step), ...(ratio ? [words.motion(ratio)] : [])].join(" · ");
  }

  /** @param {string[]} lines */
  showReport(lines) {
    this.find("details").hidden = !lines.length;
    this.find("summary").textContent = `${this.words.folder}: ${lines[0]}`;
    this.find(".lines").replaceChildren(...lines.slice(1).map(line));
  }

  destroy() {
    this.resized.disconnect();
  }
}

/** @param {string} text */
function line(text) {
  const made = document.createElement("div");
  made.textContent = text;
  return made;
}
