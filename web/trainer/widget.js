// The view as a part of the node: all contact with the host is here and in graph.js.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { viewUrl } from "../graph.js";
import { wordsOf } from "./text.js";
import { createView } from "./view.js";

const NODE = "AniSoraLoraTrainer";
const WIDTH = 440;
const views = new WeakMap(); // node -> its view

/** Gives a trainer node its view; other nodes are left alone. It has no value: nothing of it is in the workflow. */
export function addTrainerView(node) {
  if (node.comfyClass !== NODE) return;
  const root = document.createElement("div");
  const words = wordsOf(app.ui?.settings?.getSettingValue("Comfy.Locale") || navigator.language);
  const view = createView(root, { words, viewUrl: sheetUrl });
  views.set(node, view);
  node.addDOMWidget("training", "ANISORA_TRAINING", root, {
    serialize: false,
    getMinHeight: () => 420,
  }).serialize = false; // the option is for prompts, this for the workflow
  node.setSize([Math.max(WIDTH, node.size[0]), node.computeSize()[1]]); // a workflow sets its own after this
  const { onExecuted, onRemoved } = node;
  node.onExecuted = function (output) {
    if (output?.anisora_training) view.show(output.anisora_training[0]);
    return onExecuted?.apply(this, arguments);
  };
  node.onRemoved = function () {
    view.destroy();
    return onRemoved?.apply(this, arguments);
  };
}

/** Messages of a training that runs go to its node. */
export function listenToTrainings() {
  api.addEventListener("anisora.training", ({ detail }) => {
    const node = nodeAt(detail.node);
    if (node) views.get(node)?.show(detail);
  });
}

/** "7", or "4:7" for node 7 in the subgraph of node 4. */
function nodeAt(path) {
  let graph = app.rootGraph ?? app.graph;
  let node = null;
  for (const id of String(path).split(":")) {
    node = graph?.getNodeById(id) ?? graph?.getNodeById(Number(id)) ?? null;
    graph = node?.subgraph;
  }
  return node;
}

const sheetUrl = ({ filename, subfolder, version }) => `${viewUrl(`${subfolder}/${filename} [output]`)}&v=${version}`;
