// The painter as a widget of the node: all contact with the host is here and in graph.js.
import { contentName, isLinked, keyframesOf, releaseOf, siblingWidget, uploadImage, upstream, viewUrl } from "../graph.js";
import { parsePosition, snapToGrid } from "../timeline/grid.js";
import { paintingFromText, paintingToText } from "./files.js";
import { wordsOf } from "./text.js";
import { createPainter } from "./view.js";

const SAVE_AFTER = 300; // ms without a stroke
const LOOK_EVERY = 500; // ms

export const painterWidget = {
  node: "AniSoraMotionPainter",
  input: "painting",
  type: "ANISORA_MOTION_PAINTER",
  create(node, name, inputData, app) {
    const words = wordsOf(app.ui.settings.getSettingValue("Comfy.Locale") || navigator.language);
    const root = document.createElement("div");
    let text = ""; // the painting as it was last stored or loaded
    let work = Promise.resolve(); // loads and saves, one after the other
    let changed = false;
    let timer;
    let lastRun = {};

    const painter = createPainter(root, {
      words,
      scene: () => sceneOf(node, inputData[1].releases, lastRun),
      setInvert(on) {
        const invert = siblingWidget(node, "invert");
        invert.value = on;
        invert.callback?.(on);
      },
      changed() {
        changed = true;
        clearTimeout(timer);
        timer = setTimeout(() => save().catch(() => painter.warn(words.unsaved)), SAVE_AFTER);
      },
    });

    const upload = async (blob) => uploadImage(blob, await contentName(blob, "mask"), "anisora");

    function save() {
      const saved = work.then(async () => {
        if (!changed) return;
        changed = false;
        try {
          text = await paintingToText(painter.painting(), upload);
          // The host looks for changes when the mouse is let go, and that was before the upload.
          app.canvas.emitBeforeChange();
          app.canvas.emitAfterChange();
        } catch (error) {
          changed = true;
          throw error;
        }
      });
      work = saved.catch(() => {});
      return saved;
    }

    function load(value) {
      if (value === text) return;
      text = value;
      changed = false;
      clearTimeout(timer);
      work = work.then(async () => {
        const { painting, missing } = await paintingFromText(value, viewUrl).catch(() => ({ missing: true }));
        if (value !== text || changed) return;
        if (painting) painter.load(painting);
        if (missing) painter.warn(words.missing);
      });
    }

    const widget = node.addDOMWidget(name, painterWidget.type, root, {
      getValue: () => text,
      setValue: (value) => load(value ?? ""),
      getMinHeight: () => 400,
    });
    widget.serializeValue = async () => {
      await save();
      return text;
    };

    // No frontend tells a node that a widget of another node has changed, so the painter looks.
    const looking = setInterval(painter.refresh, LOOK_EVERY);
    follow(node, "onExecuted", (output) => {
      lastRun = output?.anisora_scene?.[0] ?? {};
      painter.refresh();
    });
    follow(node, "onRemoved", () => clearInterval(looking));
    return { widget, minWidth: 420, minHeight: 420 };
  },
};

// What the graph tells of the clip; what only a run could tell comes from the last one.
function sceneOf(node, releases, lastRun) {
  const timeline = upstream(node, "timeline");
  const value = (of, name) => (of && !isLinked(of, name) && siblingWidget(of, name)?.value) || 0;
  const known = timeline && upstream(timeline, "release") && releases[releaseOf(timeline)];
  const frames = value(timeline, "length") || known?.num_frames || lastRun.frames || releases.mini.num_frames;
  const fps = value(timeline, "fps") || known?.fps || lastRun.fps || releases.mini.fps;
  const pictures = new Map(lastRun.keyframes?.map((key) => [key.frame, key.url]));
  const keyframes = (timeline ? keyframesOf(timeline) : [])
    .map(({ url, label, position }) => ({ asked: parsePosition(position, frames, fps), url, label }))
    .filter(({ asked }) => asked !== null)
    .map(({ asked, url, label }) => ({
      frame: known ? snapToGrid(asked, frames, known.key_multiple) : asked,
      url: url ?? pictures.get(asked) ?? null,
      label,
    }))
    .sort((a, b) => a.frame - b.frame);
  const subject = (value(node, "use_subject") && lastRun.subject) || null;
  return {
    frames,
    fps,
    keyframes,
    fit: value(timeline, "fit") || "crop",
    invert: Boolean(value(node, "invert")),
    subject,
    unseen: !subject && Boolean(value(node, "use_subject")) && isLinked(node, "subject"),
  };
}

function follow(node, name, then) {
  const before = node[name];
  node[name] = function (...args) {
    const result = before?.apply(this, args);
    then(...args);
    return result;
  };
}
