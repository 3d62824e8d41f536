// The strip as a widget of the node: all contact of the timeline with the host is here and in ../graph.js.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import {
  contentName, isLinked, keyframeNodes, keyframesOf, pictureOf, releaseOf, siblingWidget, uploadImage, viewUrl,
} from "../graph.js";
import { Strip } from "./strip.js";

const TYPE = "ANISORA_KEYFRAME_STRIP";
const REFRESH_MS = 400;

export const timelineWidget = {
  node: "AniSoraTimeline",
  input: "timeline_json",
  type: TYPE,
  create(node, name, inputData) {
    const root = document.createElement("div");
    const strip = new Strip(root, callbacks(node, inputData[1].releases));
    const widget = node.addDOMWidget(name, TYPE, root, {
      getValue: () => strip.value,
      setValue: (text) => {
        strip.value = text ?? "";
      },
      getMinHeight: () => 320,
    });
    // No frontend tells a node that a widget of another node has changed, so the strip looks.
    const timer = setInterval(() => strip.refresh(), REFRESH_MS);
    const { onRemoved } = node;
    node.onRemoved = function (...args) {
      clearInterval(timer);
      strip.destroy();
      return onRemoved?.apply(this, args);
    };
    return { widget, minWidth: 560, minHeight: 360 };
  },
};

/** @returns {import("./strip.js").Callbacks} */
function callbacks(node, releases) {
  return {
    locale: app.ui?.settings?.getSettingValue("Comfy.Locale") || navigator.language,
    clip: () => clipOf(node, releases),
    changed: () => node.graph?.setDirtyCanvas(true, true),
    setClip: (name, value) => setWidget(node, name, value),
    setLinked(id, change) {
      const keyframe = keyframeNodes(node).find((one) => String(one.id) === id);
      for (const [name, value] of Object.entries(change)) setWidget(keyframe, name, value);
    },
    url: viewUrl,
    store: async (file) => uploadImage(file, await contentName(file, "a"), "anisora"),
    draggedImage,
    nodes: () => pictureNodes(node),
    files: inputFiles,
    link: (id, position) => linkKeyframe(node, id, position),
  };
}

function setWidget(node, name, value) {
  const widget = node && siblingWidget(node, name);
  if (!widget || widget.value === value) return;
  widget.value = value;
  widget.callback?.(value, app.canvas, node);
  node.graph?.setDirtyCanvas(true, true);
}

/** @returns {import("./strip.js").Clip} */
function clipOf(node, releases) {
  const named = releaseOf(node);
  const release = named in releases ? named : "mini";
  const row = releases[release];
  const value = (name) => siblingWidget(node, name)?.value;
  const shape = /^(\d+)x(\d+)$/.exec(value("shape") ?? "");
  const [width, height] = shape ? [Number(shape[1]), Number(shape[2])] : row.sizes[0];
  const asDrawn = value("shape") === "first keyframe" && !value("width") && !value("height");
  return {
    release,
    row,
    length: Number(value("length") ?? 0),
    fps: Number(value("fps") ?? 0),
    lengthLinked: isLinked(node, "length"),
    fpsLinked: isLinked(node, "fps"),
    aspect: asDrawn ? 0 : (value("width") || width) / (value("height") || height),
    stretch: value("fit") === "stretch",
    linked: keyframesOf(node)
      .filter(({ linked }) => linked)
      .map(({ linked, ...keyframe }) => ({
        ...keyframe,
        id: String(linked.id),
        locked: isLinked(linked, "position") || isLinked(linked, "strength"),
      })),
  };
}

/** A picture dragged from one of ComfyUI's own pages; files from elsewhere arrive as files. */
function draggedImage(transfer) {
  const address = transfer.getData("text/uri-list").split("\n")[0];
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.origin !== location.origin || !url.pathname.endsWith("/view")) return null;
  const { filename, subfolder, type = "input" } = Object.fromEntries(url.searchParams);
  if (!filename || type === "temp") return null; // temp is emptied when the host starts
  return `${subfolder ? `${subfolder}/` : ""}${filename} [${type}]`;
}

async function inputFiles() {
  const answer = await api.fetchApi("/object_info/LoadImage");
  const [options, more] = (await answer.json()).LoadImage.input.required.image;
  const names = Array.isArray(options) ? options : more.options;
  return names.map((name) => ({ kind: "file", id: `${name} [input]`, label: name, url: viewUrl(name) }));
}

/** Nodes beside this one whose picture is known before a run. */
function pictureNodes(node) {
  return (node.graph.nodes ?? node.graph._nodes)
    .filter((one) => one.outputs?.some(({ type }) => type === "IMAGE"))
    .map((one) => ({ kind: "node", id: String(one.id), ...pictureOf(one) }))
    .filter(({ url }) => url);
}

function nodeById(graph, id) {
  return (graph.nodes ?? graph._nodes).find((one) => String(one.id) === id);
}

/** image of that node -> a new AniSora Keyframe at the end of the chain -> this timeline. */
function linkKeyframe(node, id, position) {
  const { graph } = node;
  const source = nodeById(graph, id);
  const keyframe = window.LiteGraph.createNode("AniSoraKeyframe");
  const chain = node.inputs.find(({ name }) => name === "keyframes").link;
  const last = chain == null ? null : (graph.links.get?.(chain) ?? graph.links[chain]);
  const count = keyframeNodes(node).length;
  keyframe.pos = [node.pos[0] - 360, node.pos[1] + count * 160];
  graph.beforeChange();
  graph.add(keyframe);
  siblingWidget(keyframe, "position").value = position;
  source.connect(source.outputs.findIndex(({ type }) => type === "IMAGE"), keyframe, "image");
  if (last) graph.getNodeById(last.origin_id).connect(last.origin_slot, keyframe, "keyframes");
  keyframe.connect(0, node, "keyframes");
  graph.afterChange();
}
