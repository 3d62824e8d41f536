// The painter's elements, as they are before anything is painted.
import { find } from "../page.js";
import { icon } from "./style.js";
import { TOOLS } from "./stroke.js";

/**
 * @typedef {ReturnType<typeof buildPage>} Page
 * @typedef {import("./text.js").Words} Words
 * @typedef {import("./stroke.js").Tool | "undo" | "redo" | "clear" | "onion" | "invert" | "play" | "add" | "addShape" |
 *   "copyShape" | "removeShape" | "still" | "removeArea"} Command what a button or a key does; it is its `data-do`
 */

/**
 * @param {HTMLElement} root
 * @param {Words} words
 */
export function buildPage(root, words) {
  root.classList.add("anisora-painter");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", words.painter);
  root.innerHTML = markup(words);
  /** @param {string} name */
  const slider = (name) => find(root, `input[name=${name}]`, HTMLInputElement);
  return {
    root,
    words,
    keys: find(root, ".keys", HTMLInputElement), // has the focus, so that keys come to us; it shows nothing
    sheet: find(root, ".sheet", HTMLElement),
    canvas: find(root, "canvas", HTMLCanvasElement),
    trail: find(root, ".trail polygon", SVGPolygonElement),
    ring: find(root, ".ring", HTMLElement),
    empty: find(root, ".empty", HTMLElement),
    pictures: [".back", ".before", ".after"].map((name) => find(root, name, HTMLImageElement)),
    backdrop: find(root, ".backdrop", HTMLSelectElement),
    areas: find(root, ".areas", HTMLElement),
    time: find(root, ".time", HTMLElement),
    readout: find(root, ".readout", HTMLElement),
    hint: find(root, ".hint", HTMLElement),
    sliders: { size: slider("size"), softness: slider("softness"), opacity: slider("opacity") },
  };
}

/** @param {Words} words */
function markup(words) {
  /** @param {("undo" | "redo" | "clear" | "addShape" | "copyShape" | "removeShape" | typeof TOOLS[number])[]} names */
  const buttons = (...names) => names.map((name) => button(name, words[name])).join("");
  return `
    <input class="keys" readonly inputmode="none" aria-label="${words.painter}">
    <div class="row">
      <div class="group" role="toolbar">${buttons(...TOOLS)}</div>
      <div class="group">${buttons("undo", "redo", "clear")}</div>
      <div class="group end">
        <select class="backdrop" aria-label="${words.backdrop}" title="${words.backdrop}"></select>
        ${button("onion", words.onion)}${button("invert", words.invert)}
      </div>
      <div class="sliders">${slider("size", words.size, 1, 200, 40)}${slider("softness", words.softness, 0, 100, 20)}${slider("opacity", words.opacity, 10, 100, 60)}</div>
    </div>
    <div class="stage"><div class="sheet">
      <img class="back" alt=""><img class="ghost before" alt=""><img class="ghost after" alt="">
      <div class="empty">${words.noPicture}</div><canvas></canvas><svg class="trail"><polygon points=""/></svg><div class="ring" hidden></div>
    </div></div>
    <div class="row areas" role="listbox" aria-label="${words.areas}"></div>
    <div class="row time">
      ${button("play", words.play)}<span class="readout"></span>
      <div class="group">${buttons("addShape", "copyShape", "removeShape")}</div>
    </div>
    <div class="hint" role="status"></div>`;
}

/**
 * @param {Parameters<typeof icon>[0] & Command} name
 * @param {string} text
 */
export const button = (name, text) =>
  `<button type="button" data-do="${name}" title="${text}" aria-label="${text}">${icon(name)}</button>`;

/**
 * @param {string} name
 * @param {string} text
 * @param {number} min
 * @param {number} max
 * @param {number} value
 */
const slider = (name, text, min, max, value) =>
  `<label class="slider">${text}<input type="range" name="${name}" min="${min}" max="${max}" value="${value}"><output name="${name}"></output></label>`;

/**
 * @param {Element} element
 * @param {string} text for the mouse and for screen readers
 */
export function label(element, text) {
  element.setAttribute("title", text);
  element.setAttribute("aria-label", text);
}
