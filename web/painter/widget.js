// The painter as a widget of the node. All contact with the host is in this folder's widget.js, scene.js and storage.js,
// and in graph.js.
import { follow, localeOf, siblingWidget } from "../graph.js";
import { passToCanvas } from "../canvas.js";
import { sceneOf } from "./scene.js";
import { Storage } from "./storage.js";
import { wordsOf } from "./text.js";
import { createPainter } from "./view.js";

const LOOK_EVERY = 500; // ms

export const painterWidget = {
  node: "AniSoraMotionPainter",
  input: "painting",
  type: "ANISORA_MOTION_PAINTER",

  /** @type {WidgetConstructor} */
  create(node, name, [, { releases }], app) {
    const words = wordsOf(localeOf(app));
    const root = document.createElement("div");
    /** @type {import("./scene.js").LastRun} */
    let lastRun = {};
    const painter = createPainter(root, {
      words,
      scene: () => sceneOf(node, releases, lastRun),
      setInvert: (on) => setInvert(node, on),
      changed: () => storage.saveSoon(),
    });
    const storage = new Storage(painter, words, () => {
      // The host looks for changes when the mouse is let go, and that was before the upload.
      app.canvas.emitBeforeChange();
      app.canvas.emitAfterChange();
    });
    const widget = node.addDOMWidget(name, painterWidget.type, root, {
      getValue: () => storage.text,
      setValue: (value) => storage.load(value ?? ""),
      getMinHeight: () => 400,
      hideOnZoom: false,
      hideInPanel: true, // the panel of properties would take the element out of the node
    });
    passToCanvas(root, app);
    widget.serializeValue = async () => {
      await storage.save();
      return storage.text;
    };

    // No frontend tells a node that a widget of another node has changed, so the painter looks.
    const looking = setInterval(() => painter.refresh(), LOOK_EVERY);
    follow(node, "onExecuted", (output) => {
      lastRun = /** @type {{anisora_scene?: typeof lastRun[]} | null} */ (output)?.anisora_scene?.[0] ?? {};
      painter.refresh();
    });
    follow(node, "onRemoved", () => clearInterval(looking));
    return { widget, minWidth: 420, minHeight: 420 };
  },
};

/**
 * @param {ComfyNode} node
 * @param {boolean} on
 */
function setInvert(node, on) {
  const invert = siblingWidget(node, "invert");
  if (!invert) return;
  invert.value = on;
  invert.callback?.(on);
}
