// Inputs whose 0 or `auto` means the release's own value: that value is shown, greyed, until another is set.
import { follow, isLinked, releaseOf, siblingWidget } from "./graph.js";

const REFRESH_MS = 500;

/** @type {Map<string, Map<string, {unset: unknown, values: Record<string, unknown>}>>} node -> input -> its values */
const inputs = new Map();

/**
 * What the server says of a node's inputs, remembered for its nodes.
 * @param {NodeDefinition} nodeData
 */
export function noteDefaults(nodeData) {
  const specs = Object.entries({ ...nodeData.input?.required, ...nodeData.input?.optional });
  /** @type {Map<string, {unset: unknown, values: Record<string, unknown>}>} */
  const found = new Map();
  for (const [name, [, options]] of specs) {
    if (options?.of_release) found.set(name, { unset: options.default, values: options.of_release });
  }
  inputs.set(nodeData.name, found);
}

/**
 * The value that an unset input stands for; "" where it is set, linked, or not one value.
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 */
export function standsFor(node, widget) {
  const known = inputs.get(node.comfyClass ?? "")?.get(widget.name);
  if (!known || widget.value !== known.unset || isLinked(node, widget.name)) return "";
  const own = siblingWidget(node, "release")?.value;
  return sideOfShape(node, widget.name) ?? String(known.values[String(own ?? releaseOf(node))] ?? "");
}

/**
 * Width or height that a chosen shape stands for; "auto" for a drawing's, which a run tells. null: not a side, or the release's.
 * @param {ComfyNode} node
 * @param {string} name
 */
function sideOfShape(node, name) {
  const side = ["width", "height"].indexOf(name);
  const shape = String(siblingWidget(node, "shape")?.value ?? "release");
  if (side < 0 || shape === "release") return null;
  return /^\d+x\d+$/.test(shape) ? shape.split("x")[side] : "auto";
}

/**
 * On the canvas the widget draws that value, grey. The Vue renderer shows a number as it is, so there it is said behind the
 * name; of choices it asks for the words to show.
 * @param {ComfyNode} node
 */
export function showDefaults(node) {
  const widgets = (node.widgets ?? []).filter(({ name }) => inputs.get(node.comfyClass ?? "")?.has(name));
  if (!widgets.length) return;
  for (const widget of widgets) {
    drawDefault(node, widget);
    if (widget.type === "combo") wordDefault(node, widget);
  }
  const numbers = widgets.filter(({ type }) => type !== "combo");
  const timer = setInterval(() => numbers.forEach((widget) => nameDefault(node, widget)), REFRESH_MS);
  follow(node, "onRemoved", () => clearInterval(timer));
}

/**
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 */
function drawDefault(node, widget) {
  const kind = Object.getPrototypeOf(widget);
  /** @param {string} name */
  const usual = (name) => Reflect.get(kind, name, widget);
  const shown = { _displayValue: () => standsFor(node, widget), text_color: () => standsFor(node, widget) && usual("secondary_text_color") };
  for (const [name, get] of Object.entries(shown)) {
    if (!(name in widget)) continue; // a frontend that draws it another way
    Object.defineProperty(widget, name, { configurable: true, get: () => get() || usual(name) });
  }
}

/**
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 */
function wordDefault(node, widget) {
  const words = widget.options?.getOptionLabel ?? ((value) => value ?? "");
  /** @param {string | null} value */
  const label = (value) => {
    const meant = value === widget.value ? standsFor(node, widget) : "";
    return meant && value ? `${words(value)}: ${meant}` : meant || words(value);
  };
  widget.options = Object.assign(widget.options ?? {}, { getOptionLabel: label });
}

/** @type {WeakMap<ComfyWidget, string>} what this file has put behind a name */
const said = new WeakMap();

/**
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 */
function nameDefault(node, widget) {
  const value = window.LiteGraph?.vueNodesMode ? standsFor(node, widget) : "";
  const wanted = value && ` (${value})`;
  const before = said.get(widget) ?? "";
  if (wanted === before) return;
  const name = widget.label ?? widget.name;
  widget.label = (name.endsWith(before) ? name.slice(0, name.length - before.length) : name) + wanted;
  said.set(widget, wanted);
}
