// The view as a part of the node: all contact with the host is here and in graph.js.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { follow, localeOf, viewUrl } from "../graph.js";
import { wordsOf } from "./text.js";
import { createView } from "./view.js";

/** @typedef {import("./view.js").Message} Message */

const NODE = "AniSoraLoraTrainer";
const WIDTH = 440;

/** @type {WeakMap<ComfyNode, ReturnType<typeof createView>>} */
const views = new WeakMap();

/**
 * Gives a trainer node its view; other nodes are left alone. It has no value: nothing of it is in the workflow.
 * @param {ComfyNode} node
 */
export function addTrainerView(node) {
  if (node.comfyClass !== NODE) return;
  const root = document.createElement("div");
  const words = wordsOf(localeOf(app));
  const view = createView(root, { words, viewUrl: sheetUrl });
  for (const { name, element } of node.widgets ?? []) {
    if (element instanceof HTMLTextAreaElement && words.placeholders[name]) element.placeholder = words.placeholders[name];
  }
  views.set(node, view);
  node.addDOMWidget("training", "ANISORA_TRAINING", root, {
    serialize: false,
    getMinHeight: () => 420,
    hideOnZoom: false,
    hideInPanel: true, // the panel of properties would take the element out of the node
  }).serialize = false; // the option is for prompts, this for the workflow
  node.setSize([Math.max(WIDTH, node.size[0]), node.computeSize()[1]]); // a workflow sets its own after this
  follow(node, "onExecuted", (output) => {
    const message = /** @type {{anisora_training?: Message[]} | null} */ (output)?.anisora_training?.[0];
    if (message) view.show(message);
  });
  follow(node, "onRemoved", () => view.destroy());
}

/** Messages of a training that runs go to its node. */
export function listenToTrainings() {
  /** @param {CustomEvent<Message & {node: NodeId}>} event */
  const show = ({ detail }) => {
    const node = nodeAt(String(detail.node));
    if (node) views.get(node)?.show(detail);
  };
  api.addEventListener("anisora.training", show);
}

/**
 * @param {string} path "7", or "4:7" for node 7 in the subgraph of node 4
 * @returns {ComfyNode | null}
 */
function nodeAt(path) {
  let graph = app.rootGraph ?? app.graph;
  /** @type {ComfyNode | null} */
  let node = null;
  for (const id of path.split(":")) {
    node = graph?.getNodeById(id) ?? graph?.getNodeById(Number(id)) ?? null;
    graph = node?.subgraph;
  }
  return node;
}

/** @param {import("./view.js").Sheet} sheet */
const sheetUrl = ({ filename, subfolder, version }) => `${viewUrl(`${subfolder}/${filename} [output]`)}&v=${version}`;
