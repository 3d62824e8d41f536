// What the widgets need of ComfyUI: files of its input folder, and the nodes around a node.
import { api } from "../../scripts/api.js";

const BYPASSED = 4;
const MUTED = 2;

/**
 * @typedef {object} Keyframe
 * @property {string | null} url null where only a run would tell
 * @property {string} label
 * @property {string} position
 * @property {number} strength
 * @property {ComfyNode | null} linked the AniSora Keyframe node it comes from; null for one of the timeline's own text
 */

/**
 * The language the user has chosen, or else the browser's.
 * @param {ComfyApp} app
 */
export function localeOf(app) {
  return String(app.ui?.settings?.getSettingValue("Comfy.Locale") || navigator.language);
}

/**
 * Calls `then` after what the node itself does at `name`.
 * @param {ComfyNode} node
 * @param {"onExecuted" | "onRemoved"} name
 * @param {(output: unknown) => void} then
 */
export function follow(node, name, then) {
  const before = node[name];
  node[name] = function (...args) {
    const result = before?.apply(this, args);
    then(args[0]);
    return result;
  };
}

/**
 * "sub/x.png [input]" -> the address of that picture. Without a mark it is a file of the input folder.
 * @param {string} name
 */
export function viewUrl(name) {
  const marked = /^(.*) \[(input|output|temp)\]$/s.exec(name.replaceAll("\\", "/"));
  const [path, type] = marked ? [marked[1], marked[2]] : [name.replaceAll("\\", "/"), "input"];
  const cut = path.lastIndexOf("/");
  const query = new URLSearchParams({ filename: path.slice(cut + 1), subfolder: path.slice(0, Math.max(cut, 0)), type });
  return api.apiURL(`/view?${query}`);
}

/**
 * Writes a file of the input folder -> its name, "sub/name [input]". The host keeps one copy of equal files.
 * @param {Blob} blob
 * @param {string} fileName
 * @param {string} subfolder
 */
export async function uploadImage(blob, fileName, subfolder) {
  const body = new FormData();
  body.append("image", blob, fileName);
  body.append("subfolder", subfolder);
  body.append("type", "input");
  const answer = await api.fetchApi("/upload/image", { method: "POST", body });
  if (!answer.ok) throw new Error(`${fileName} could not be saved (${answer.status} ${answer.statusText})`);
  const stored = await answer.json();
  return `${stored.subfolder ? `${stored.subfolder}/` : ""}${stored.name} [input]`;
}

/** @type {Record<string, string>} */
const EXTENSIONS = { "image/jpeg": "jpg", "image/webp": "webp" };

/**
 * A file name made from the content, so that equal pictures are one file and no other is overwritten.
 * @param {Blob} blob
 * @param {string} prefix
 */
export async function contentName(blob, prefix) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const extension = EXTENSIONS[blob.type] ?? "png";
  return `${prefix}_${(await digest(bytes)).slice(0, 16)}.${extension}`;
}

/**
 * The file's own name, as every system can keep it. Another file of that name gets a number from the host.
 * @param {File} file
 */
export function keptName(file) {
  const [, stem, extension] = /^(.*?)(\.\w+)?$/s.exec(file.name) ?? ["", "", ""];
  // eslint-disable-next-line no-control-regex -- Windows takes none of these
  const allowed = stem.replace(/[<>:"/\\|?*\u0000-\u001f]/g, "_").trim();
  return `${[...allowed].slice(0, 60).join("") || "drawing"}${extension ?? `.${EXTENSIONS[file.type] ?? "png"}`}`;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function digest(bytes) {
  // Browsers give crypto.subtle to https and localhost only; a ComfyUI in the studio's network has neither.
  const hash = crypto.subtle ? new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)) : fnv(bytes);
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Two FNV-1a hashes side by side: 8 bytes.
 * @param {Uint8Array} bytes
 */
function fnv(bytes) {
  const lanes = new Uint32Array([0x811c9dc5, 0x9747b28c]);
  for (const byte of bytes) {
    lanes[0] = Math.imul(lanes[0] ^ byte, 0x01000193);
    lanes[1] = Math.imul(lanes[1] ^ byte, 0x85ebca6b);
  }
  return new Uint8Array(lanes.buffer);
}

/**
 * The node linked to this input, or null. Reroutes, bypassed nodes and the edges of subgraphs are passed through.
 * @param {ComfyNode} node
 * @param {string} inputName
 */
export function upstream(node, inputName) {
  return traced(node, inputName).from;
}

/**
 * Back along the links of this input, to the node they come from; else to the last input, which is linked to nothing.
 * @param {ComfyNode} node
 * @param {string} inputName
 * @returns {{from: ComfyNode | null, at: ComfyNode, input: ComfyInput | undefined}}
 */
function traced(node, inputName) {
  const seen = new Set();
  let at = node;
  let input = inputNamed(node, inputName);
  for (;;) {
    const link = linkInto(at, input);
    if (!link || !at.graph || seen.has(link)) return { from: null, at, input };
    seen.add(link);
    const { from, graph, slot } = originOf(at.graph, link);
    if (from && isSource(from)) return { from, at, input };
    const next = from ?? holderOf(graph);
    if (!next || next.mode === MUTED) return { from: null, at, input };
    input = from ? passedThrough(from, slot) : next.inputs?.[slot];
    at = next;
  }
}

/**
 * @param {ComfyNode} node
 * @param {string} name
 */
const inputNamed = (node, name) => node.inputs?.find((input) => input.name === name);

/**
 * Where a link begins, in subgraphs too; `from` is null at the edge of the graph.
 * @param {ComfyGraph} graph
 * @param {ComfyLink} link
 */
function originOf(graph, link) {
  let from = graph.getNodeById(link.origin_id) ?? null;
  while (from?.subgraph && isSource(from)) {
    const inner = linkOf(from.subgraph, from.subgraph.outputs?.[link.origin_slot]?.linkIds[0] ?? -1);
    if (!inner) break;
    graph = from.subgraph;
    link = inner;
    from = graph.getNodeById(link.origin_id) ?? null;
  }
  return { from, graph, slot: link.origin_slot };
}

/** @param {ComfyNode} node */
const isSource = ({ type, mode }) => type !== "Reroute" && mode !== BYPASSED && mode !== MUTED;

/**
 * @param {ComfyNode} node
 * @param {ComfyInput | undefined} input
 */
const linkInto = (node, input) => (input?.link == null ? undefined : linkOf(node.graph, input.link));

/** @type {WeakMap<ComfyGraph, ComfyNode>} the node through which a subgraph was opened last */
const openedBy = new WeakMap();

/**
 * Several nodes may share one subgraph; inside it, what is shown is that of the node through which it was opened.
 * @param {ComfyApp} app
 */
export function noteOpenedSubgraphs(app) {
  app.canvas.canvas?.addEventListener("subgraph-opening", (event) => {
    const { subgraph, fromNode } = /** @type {CustomEvent<{subgraph: ComfyGraph, fromNode?: ComfyNode}>} */ (event).detail;
    // 1.27 does not say which node it was; it is selected by then
    const by = fromNode ?? Object.values(app.canvas.selected_nodes ?? {}).find((node) => node.subgraph === subgraph);
    if (by) openedBy.set(subgraph, by);
  });
}

/**
 * The node that stands for this subgraph; where several do, the one it was opened by, else the first.
 * @param {ComfyGraph} graph
 */
function holderOf(graph) {
  const by = openedBy.get(graph);
  return by?.graph && by.subgraph === graph ? by : firstHolder(graph);
}

/** @param {ComfyGraph} graph */
function firstHolder(graph) {
  const root = graph.rootGraph;
  /** @type {ComfyGraph[]} */
  const open = root && root !== graph ? [root] : [];
  const seen = new Set(open);
  for (const one of open) {
    for (const node of one.nodes ?? one._nodes) {
      if (node.subgraph === graph) return node;
      if (node.subgraph && !seen.has(node.subgraph)) open.push(node.subgraph) && seen.add(node.subgraph);
    }
  }
  return null;
}

/**
 * @param {ComfyGraph | null} graph
 * @param {number} id
 * @returns {ComfyLink | undefined}
 */
export function linkOf(graph, id) {
  return graph?.links instanceof Map ? graph.links.get(id) : graph?.links[id];
}

/**
 * The input whose value a reroute or a bypassed node gives as that output.
 * @param {ComfyNode} node
 * @param {number} slot
 */
function passedThrough(node, slot) {
  if (node.type === "Reroute") return node.inputs?.[0];
  const type = node.outputs?.[slot].type;
  return node.inputs?.find((one) => one.type === type);
}

/**
 * @param {ComfyNode} node
 * @param {string} name
 */
export function siblingWidget(node, name) {
  return node.widgets?.find((widget) => widget.name === name) ?? null;
}

/**
 * The widget's value as a number; 0 where it has none.
 * @param {ComfyNode} node
 * @param {string} name
 */
export function numberOf(node, name) {
  return Number(siblingWidget(node, name)?.value) || 0;
}

/**
 * The number that this input gets: of its widget, of the node of one value that is linked to it, or of the widget of the
 * subgraph around it. null where only a run would tell.
 * @param {ComfyNode} node
 * @param {string} name
 */
export function numberInto(node, name) {
  if (!isLinked(node, name)) return numberOf(node, name);
  const { from, at, input } = traced(node, name);
  const named = from ? siblingWidget(from, "value") : input?.link == null && siblingWidget(at, input?.name ?? name);
  const value = named ? Number(named.value) : NaN;
  return Number.isFinite(value) ? value : null;
}

/**
 * Whether another node sets this widget, so that its own value does not count.
 * @param {ComfyNode} node
 * @param {string} name
 */
export function isLinked(node, name) {
  return inputNamed(node, name)?.link != null;
}

/**
 * The release that reaches this node's `release` input; "mini" where it cannot be known.
 * @param {ComfyNode} node
 */
export function releaseOf(node) {
  const from = upstream(node, "release");
  return String((from && siblingWidget(from, "release")?.value) || "mini");
}

/**
 * What the node shows or names as its picture; url is null where only a run would tell.
 * @param {ComfyNode} node
 * @returns {{url: string | null, label: string}}
 */
export function pictureOf(node) {
  const named = siblingWidget(node, "image")?.value;
  if (typeof named === "string" && named) return { url: viewUrl(named), label: named.replace(/ \[\w+\]$/, "") };
  const drawing = node.type === "AniSoraDrawing" && siblingWidget(node, "drawing")?.value;
  if (drawing) return { url: new URL(`./drawings/${drawing}.png`, import.meta.url).href, label: String(drawing) };
  return { url: node.imgs?.[0]?.src ?? null, label: node.title };
}

/**
 * The AniSora Keyframe nodes of this timeline, first in the chain first.
 * @param {ComfyNode} timelineNode
 */
export function keyframeNodes(timelineNode) {
  /** @type {ComfyNode[]} */
  const nodes = [];
  let node = upstream(timelineNode, "keyframes");
  while (node?.type === "AniSoraKeyframe" && !nodes.includes(node)) {
    nodes.unshift(node);
    node = upstream(node, "keyframes");
  }
  return nodes;
}

/**
 * The keyframes that come along the wire, in the order the node takes them.
 * @param {ComfyNode} timelineNode
 */
export function linkedKeyframes(timelineNode) {
  return keyframeNodes(timelineNode).map((node) => ({
    ...keyframePicture(node, timelineNode),
    position: String(siblingWidget(node, "position")?.value ?? "first"),
    strength: Number(siblingWidget(node, "strength")?.value ?? 1),
    linked: node,
  }));
}

/**
 * As the keyframe gets it: Load Image gives colours without their transparency, which is a mask.
 * @param {ComfyNode} keyframe
 * @param {ComfyNode} timelineNode
 */
function keyframePicture(keyframe, timelineNode) {
  const from = upstream(keyframe, "image");
  const picture = pictureOf(from ?? keyframe);
  const isOpaque = from?.type === "LoadImage" && !isLinked(keyframe, "transparent") && !/\.jpe?g\b/i.test(picture.label);
  if (!picture.url) return picture;
  return { ...picture, url: isOpaque ? `${picture.url}&channel=rgb` : onPaper(picture.url, timelineNode) };
}

/**
 * The address with the paper's colour behind it, for who draws the picture, where the node has another than white.
 * @param {string} url
 * @param {ComfyNode} node
 */
export function onPaper(url, node) {
  const colour = String(siblingWidget(node, "paper")?.value ?? "white").trim();
  return /^(white|#f{3}|#f{6}|)$/i.test(colour) ? url : `${url}#paper=${encodeURIComponent(colour)}`;
}

/**
 * All keyframes in the order the node takes them.
 * @param {ComfyNode} timelineNode
 * @returns {Keyframe[]}
 */
export function keyframesOf(timelineNode) {
  const text = siblingWidget(timelineNode, "timeline_json")?.value;
  const own = ownKeyframes(String(text ?? "")).map((key) => ({ ...key, url: onPaper(String(key.url), timelineNode) }));
  return [...linkedKeyframes(timelineNode), ...own];
}

/**
 * @param {string} text of the timeline
 * @returns {Keyframe[]}
 */
function ownKeyframes(text) {
  /** @type {{image: unknown, position: unknown, strength?: number}[]} */
  let rows;
  try {
    rows = JSON.parse(text || "{}").keyframes ?? [];
  } catch {
    return []; // the widget itself says what is wrong with it
  }
  return rows.map(({ image, position, strength = 1 }) => ({
    url: viewUrl(String(image)),
    label: String(image).replace(/ \[\w+\]$/, ""),
    position: String(position),
    strength,
    linked: null,
  }));
}
