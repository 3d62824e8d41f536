// A clip plays by itself when it is made, as previews of pictures appear by themselves.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const TRIES = 20;
const WAIT_MS = 250;

/** Videos that a run saves, in graphs with a node of ours; others are left as the host shows them. */
export function playResults() {
  /** @param {CustomEvent<{node: NodeId, output: {animated?: boolean[]} | null}>} event */
  const made = ({ detail }) => {
    const graph = app.graph;
    if (!detail.output?.animated?.[0] || !(graph?.nodes ?? graph?._nodes ?? []).some(({ type }) => type?.startsWith("AniSora"))) return;
    playSoon(String(detail.node), TRIES);
  };
  api.addEventListener("executed", made);
}

/**
 * The host adds the element some time after it has told of the file.
 * @param {string} id
 * @param {number} tries
 */
function playSoon(id, tries) {
  const video = videoOf(id);
  if (!video && tries > 0) setTimeout(() => playSoon(id, tries - 1), WAIT_MS);
  if (!video) return;
  video.muted = true; // browsers let nothing with sound start by itself
  video.loop = true;
  video.play().catch(() => {}); // it may be replaced meanwhile
}

/**
 * In a widget of the canvas, or in the node's own element of the Vue renderer.
 * @param {string} id
 * @returns {HTMLVideoElement | null}
 */
function videoOf(id) {
  const elements = (app.graph?.getNodeById(id)?.widgets ?? []).map(({ element }) => element);
  elements.push(document.querySelector(`[data-node-id="${CSS.escape(id)}"]`) ?? undefined);
  for (const element of elements) {
    if (element instanceof HTMLVideoElement) return element;
    const inside = element?.querySelector("video");
    if (inside) return inside;
  }
  return null;
}
