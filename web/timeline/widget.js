// The strip as a widget of the node: all contact of the timeline with the host is here and in ../graph.js.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import {
  follow, isLinked, keptName, keyframeNodes, linkOf, linkedKeyframes, localeOf, numberInto, numberOf, onPaper, pictureOf, releaseOf,
  siblingWidget, uploadImage, viewUrl,
} from "../graph.js";
import { keepHelpAway, passToCanvas } from "../canvas.js";
import { Strip } from "./strip.js";

/** @typedef {import("./picker.js").Choice} Choice */

const TYPE = "ANISORA_KEYFRAME_STRIP";
const REFRESH_MS = 400;
const NUMBERS = ["length", "fps", "width", "height"];

export const timelineWidget = {
  node: "AniSoraTimeline",
  input: "timeline_json",
  type: TYPE,

  /** @type {WidgetConstructor} */
  create(node, name, [, { releases }]) {
    const root = document.createElement("div");
    const strip = new Strip(root, callbacks(node, releases));
    const widget = node.addDOMWidget(name, TYPE, root, {
      getValue: () => strip.value,
      setValue: (text) => {
        strip.value = text ?? "";
      },
      getMinHeight: () => 320,
      hideOnZoom: false,
      hideInPanel: true, // the panel of properties would take the element out of the node
    });
    passToCanvas(root, app);
    const helpIsAway = keepHelpAway(root);
    // No frontend tells a node that a widget of another node has changed, so the strip looks.
    const timer = setInterval(() => strip.refresh(), REFRESH_MS);
    follow(node, "onRemoved", () => {
      clearInterval(timer);
      helpIsAway();
      strip.destroy();
    });
    return { widget, minWidth: 560, minHeight: 360 };
  },
};

/**
 * @param {ComfyNode} node
 * @param {Record<string, Release>} releases
 * @returns {import("./strip.js").Callbacks}
 */
function callbacks(node, releases) {
  return {
    locale: localeOf(app),
    clip: () => clipOf(node, releases),
    changed: () => node.graph?.setDirtyCanvas(true, true),
    setClip: (name, value) => setWidget(node, name, value),
    setLinked(id, change) {
      const keyframe = keyframeNodes(node).find((one) => String(one.id) === id);
      for (const [name, value] of Object.entries(change)) setWidget(keyframe, name, value);
    },
    url: (name) => onPaper(viewUrl(name), node),
    store: (file) => uploadImage(file, keptName(file), "anisora"),
    draggedImage,
    nodes: () => pictureNodes(node),
    files: inputFiles,
    link: (id, position) => linkKeyframe(node, id, position),
  };
}

/**
 * As if the user had set it.
 * @param {ComfyNode | undefined} node
 * @param {string} name
 * @param {unknown} value
 */
function setWidget(node, name, value) {
  const widget = node && siblingWidget(node, name);
  if (!widget || widget.value === value) return;
  widget.value = value;
  widget.callback?.(value, app.canvas, node);
  node.graph?.setDirtyCanvas(true, true);
}

/**
 * @param {ComfyNode} node
 * @param {Record<string, Release>} releases
 * @returns {import("./placing.js").Clip}
 */
function clipOf(node, releases) {
  const wanted = releaseOf(node);
  const release = wanted in releases ? wanted : "mini";
  const row = releases[release];
  const fit = siblingWidget(node, "fit")?.value;
  return {
    release,
    row,
    length: numberInto(node, "length") ?? numberOf(node, "length"),
    fps: numberInto(node, "fps") ?? numberOf(node, "fps"),
    unknown: NUMBERS.filter((name) => numberInto(node, name) === null),
    isTextLinked: isLinked(node, "timeline_json"),
    lengthLinked: isLinked(node, "length"),
    fpsLinked: isLinked(node, "fps"),
    aspect: aspectOf(node, row),
    paper: String(siblingWidget(node, "paper")?.value ?? "white"),
    stretch: (fit === "compat" ? row.program_fit : fit) === "stretch",
    linked: linkedKeyframes(node).map(({ linked, ...keyframe }) => ({
      ...keyframe,
      id: String(linked.id),
      locked: isLinked(linked, "position") || isLinked(linked, "strength"),
    })),
  };
}

/**
 * width / height; 0: the first drawing's.
 * @param {ComfyNode} node
 * @param {Release} row
 */
function aspectOf(node, row) {
  const shape = String(siblingWidget(node, "shape")?.value ?? "");
  const named = /^(\d+)x(\d+)$/.exec(shape);
  const [width, height] = named ? [Number(named[1]), Number(named[2])] : row.sizes[0];
  const [ownWidth, ownHeight] = [numberInto(node, "width"), numberInto(node, "height")];
  const asDrawn = shape === "first keyframe" && !ownWidth && !ownHeight;
  return asDrawn ? 0 : (ownWidth || width) / (ownHeight || height);
}

/**
 * A picture dragged from one of ComfyUI's own pages; files from elsewhere arrive as files.
 * @param {DataTransfer} transfer
 */
function draggedImage(transfer) {
  const address = transfer.getData("text/uri-list").split("\n")[0];
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.origin !== location.origin || !url.pathname.endsWith("/view")) return null;
  const { filename, subfolder, type = "input" } = Object.fromEntries(url.searchParams);
  if (!filename || type === "temp") return null; // temp is emptied when the host starts
  return `${subfolder ? `${subfolder}/` : ""}${filename} [${type}]`;
}

/** @returns {Promise<Choice[]>} */
async function inputFiles() {
  const answer = await api.fetchApi("/object_info/LoadImage");
  const [options, more] = (await answer.json()).LoadImage.input.required.image;
  /** @type {string[]} in newer hosts behind the word COMBO */
  const names = Array.isArray(options) ? options : more.options;
  return names.map((name) => ({ kind: "file", id: `${name} [input]`, label: name, url: viewUrl(name) }));
}

/** @param {ComfyNode} node */
const nodesBeside = ({ graph }) => graph?.nodes ?? graph?._nodes ?? [];

/**
 * Nodes beside this one whose picture is known before a run.
 * @param {ComfyNode} node
 * @returns {Choice[]}
 */
function pictureNodes(node) {
  return nodesBeside(node)
    .filter((one) => imageSlot(one) >= 0)
    .map((one) => ({ kind: /** @type {const} */ ("node"), id: String(one.id), ...pictureOf(one) }))
    .filter(({ url }) => url);
}

/**
 * The output that gives images; -1 for none.
 * @param {ComfyNode} node
 */
const imageSlot = (node) => slotOf(node, "IMAGE");

/**
 * @param {ComfyNode} node
 * @param {string} type
 */
const slotOf = ({ outputs }, type) => outputs?.findIndex((output) => output.type === type) ?? -1;

/**
 * image of that node -> a new AniSora Keyframe at the end of the chain -> this timeline.
 * @param {ComfyNode} node
 * @param {string} id
 * @param {string} position
 */
function linkKeyframe(node, id, position) {
  const { graph } = node;
  const source = nodesBeside(node).find((one) => String(one.id) === id);
  const keyframe = window.LiteGraph.createNode("AniSoraKeyframe");
  if (!graph || !source || !keyframe) return; // the node was deleted while it was chosen
  const chain = node.inputs?.find(({ name }) => name === "keyframes")?.link;
  const last = chain == null ? null : linkOf(graph, chain);
  keyframe.pos = [node.pos[0] - 360, node.pos[1] + keyframeNodes(node).length * 160];
  graph.beforeChange();
  graph.add(keyframe);
  const place = siblingWidget(keyframe, "position");
  if (place) place.value = position;
  source.connect(imageSlot(source), keyframe, "image");
  if (source.type === "LoadImage") source.connect(slotOf(source, "MASK"), keyframe, "transparent");
  if (last) graph.getNodeById(last.origin_id)?.connect(last.origin_slot, keyframe, "keyframes");
  keyframe.connect(0, node, "keyframes");
  graph.afterChange();
}
