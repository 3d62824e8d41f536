// What the widgets need of ComfyUI: files of its input folder, and the nodes around a node.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const BYPASSED = 4;
const MUTED = 2;

/** "sub/x.png [input]" -> the address of that picture. Without a mark it is a file of the input folder. */
export function viewUrl(name) {
  const [, path, type = "input"] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(name.replaceAll("\\", "/"));
  const cut = path.lastIndexOf("/");
  const query = new URLSearchParams({ filename: path.slice(cut + 1), subfolder: path.slice(0, Math.max(cut, 0)), type });
  return api.apiURL(`/view?${query}`);
}

/** Writes a file of the input folder -> its name, "sub/name [input]". The host keeps one copy of equal files. */
export async function uploadImage(blob, fileName, subfolder) {
  const body = new FormData();
  body.append("image", blob, fileName);
  body.append("subfolder", subfolder);
  body.append("type", "input");
  const answer = await api.fetchApi("/upload/image", { method: "POST", body });
  if (!answer.ok) throw new Error(`${fileName} was not stored (${answer.status} ${answer.statusText})`);
  const stored = await answer.json();
  return `${stored.subfolder ? `${stored.subfolder}/` : ""}${stored.name} [input]`;
}

/** A file name made from the content, so that equal pictures are one file and no other is overwritten. */
export async function contentName(blob, prefix) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const extension = { "image/jpeg": "jpg", "image/webp": "webp" }[blob.type] ?? "png";
  return `${prefix}_${(await digest(bytes)).slice(0, 16)}.${extension}`;
}

async function digest(bytes) {
  // Browsers give crypto.subtle to https and localhost only; a ComfyUI in the studio's network has neither.
  const hash = crypto.subtle ? new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)) : fnv(bytes);
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Two FNV-1a hashes side by side: 8 bytes. */
function fnv(bytes) {
  const lanes = new Uint32Array([0x811c9dc5, 0x9747b28c]);
  for (const byte of bytes) {
    lanes[0] = Math.imul(lanes[0] ^ byte, 0x01000193);
    lanes[1] = Math.imul(lanes[1] ^ byte, 0x85ebca6b);
  }
  return new Uint8Array(lanes.buffer);
}

/** The node linked to this input, or null. Reroutes and bypassed nodes are passed through. */
export function upstream(node, inputName) {
  return source(node, node.inputs?.find((input) => input.name === inputName));
}

function source(node, input) {
  const seen = new Set();
  while (input?.link != null && !seen.has(input.link)) {
    seen.add(input.link);
    const link = node.graph?.links.get?.(input.link) ?? node.graph?.links[input.link];
    const from = link && node.graph.getNodeById(link.origin_id); // null at the edge of a subgraph
    if (!from || from.mode === MUTED) return null;
    if (from.type !== "Reroute" && from.mode !== BYPASSED) return from;
    const type = from.outputs[link.origin_slot]?.type;
    node = from;
    input = from.type === "Reroute" ? from.inputs[0] : from.inputs?.find((one) => one.type === type);
  }
  return null;
}

export function siblingWidget(node, name) {
  return node.widgets?.find((widget) => widget.name === name) ?? null;
}

/** Whether another node sets this widget, so that its own value does not count. */
export function isLinked(node, name) {
  return node.inputs?.some((input) => input.name === name && input.link != null) ?? false;
}

/** The release that reaches this node's `release` input; "mini" where it cannot be known. */
export function releaseOf(node) {
  const from = upstream(node, "release");
  return (from && siblingWidget(from, "release")?.value) || "mini";
}

/** What the node shows or names as its picture: {url, label}; url is null where only a run would tell. */
export function pictureOf(node) {
  const named = siblingWidget(node, "image")?.value;
  if (typeof named === "string" && named) return { url: viewUrl(named), label: named.replace(/ \[\w+\]$/, "") };
  const drawing = node.type === "AniSoraDrawing" && siblingWidget(node, "drawing")?.value;
  if (drawing) return { url: new URL(`./drawings/${drawing}.png`, import.meta.url).href, label: drawing };
  return { url: node.imgs?.[0]?.src ?? null, label: node.title };
}

/** The AniSora Keyframe nodes of this timeline, first in the chain first. */
export function keyframeNodes(timelineNode) {
  const nodes = [];
  let node = upstream(timelineNode, "keyframes");
  while (node?.type === "AniSoraKeyframe" && !nodes.includes(node)) {
    nodes.unshift(node);
    node = upstream(node, "keyframes");
  }
  return nodes;
}

/**
 * All keyframes in the order the node takes them: [{url, label, position, strength, linked}].
 * `linked` is the AniSora Keyframe node a keyframe comes from; null for one of the timeline's own text.
 */
export function keyframesOf(timelineNode) {
  const linked = keyframeNodes(timelineNode).map((node) => ({
    ...pictureOf(upstream(node, "image") ?? node),
    position: String(siblingWidget(node, "position")?.value ?? "first"),
    strength: Number(siblingWidget(node, "strength")?.value ?? 1),
    linked: node,
  }));
  return [...linked, ...ownKeyframes(siblingWidget(timelineNode, "timeline_json")?.value)];
}

function ownKeyframes(text) {
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
