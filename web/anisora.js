// The one entry: tells the frontend which of our inputs have a widget of their own. All else under this folder is
// modules without side effects, because the frontend imports every file it finds here.
import { app } from "../../scripts/app.js";
import { timelineWidget } from "./timeline/widget.js";
import { painterWidget } from "./painter/widget.js";
import { translateChoices } from "./choices.js";
import { noteDefaults, showDefaults } from "./defaults.js";
import { localeOf, noteOpenedSubgraphs } from "./graph.js";
import { playResults } from "./playback.js";
import { translateTemplate } from "./templates.js";
import { addTrainerView, listenToTrainings } from "./trainer/widget.js";

// Each: { node, input, type, create(node, name, inputData, app) }. The server calls these inputs STRING, so that a
// prompt without a browser, or a link from a text node, works; only here they become widgets.
const WIDGETS = [timelineWidget, painterWidget];

app.registerExtension({
  name: "anisora.widgets",
  setup() {
    listenToTrainings();
    playResults();
    noteOpenedSubgraphs(app);
  },
  beforeConfigureGraph: (data) => translateTemplate(data, localeOf(app)),
  nodeCreated(node) {
    addTrainerView(node);
    translateChoices(node, localeOf(app));
    showDefaults(node);
  },
  getCustomWidgets() {
    return Object.fromEntries(WIDGETS.map((widget) => [widget.type, widget.create]));
  },
  beforeRegisterNodeDef(_nodeType, nodeData) {
    if (nodeData.name?.startsWith("AniSora")) noteDefaults(nodeData);
    for (const { node, input, type } of WIDGETS) {
      if (nodeData.name !== node) continue;
      for (const part of [nodeData.input?.required, nodeData.input?.optional]) {
        // The socket stays a STRING, so that text can be linked to it.
        if (part?.[input]) part[input] = ["STRING", { ...part[input][1], widgetType: type }];
      }
    }
  },
});
