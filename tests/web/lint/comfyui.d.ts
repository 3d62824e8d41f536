// ComfyUI's frontend and LiteGraph, as far as web/ uses them. The host serves web/ beside its own scripts, so our
// relative imports of them lead out of this repository: these two declarations stand for them.

declare module "*/scripts/app.js" {
  export const app: ComfyApp;
}

declare module "*/scripts/api.js" {
  export const api: ComfyApi;
}

/** Numbers in the host's own graphs, text in those of newer frontends and in prompts. */
type NodeId = number | string;

interface ComfyApp {
  /** Absent while the frontend starts. */
  ui?: { settings?: { getSettingValue(id: string): unknown } };
  canvas: {
    emitBeforeChange(): void;
    emitAfterChange(): void;
    processMouseDown(event: PointerEvent): void;
    processMouseMove(event: PointerEvent): void;
    processMouseUp(event: PointerEvent): void;
    processMouseWheel(event: WheelEvent): void;
    canvas?: HTMLCanvasElement;
    selected_nodes?: Record<string, ComfyNode>;
  };
  /** The graph that is shown, which may be a subgraph; `rootGraph` is of newer frontends. */
  graph?: ComfyGraph;
  rootGraph?: ComfyGraph;
  registerExtension(extension: ComfyExtension): void;
}

interface ComfyExtension {
  name: string;
  setup?(app: ComfyApp): void;
  /** Before a workflow is opened; what it changes in `data` is opened. */
  beforeConfigureGraph?(data: Template): void;
  nodeCreated?(node: ComfyNode, app: ComfyApp): void;
  getCustomWidgets?(): Record<string, WidgetConstructor>;
  beforeRegisterNodeDef?(nodeType: unknown, nodeData: NodeDefinition): void;
}

/** A workflow as its file has it. `extra` holds a mark in the templates of this pack. */
interface Template {
  extra?: Record<string, unknown>;
  groups?: { title: string }[];
  nodes?: { type: string; title?: string; widgets_values?: unknown[] }[];
}

/** What the server says of a node class: the type of each input, and the options we gave it in Python. */
interface NodeDefinition {
  name: string;
  input?: { required?: Record<string, InputDefinition>; optional?: Record<string, InputDefinition> };
}

type InputDefinition = [type: string | string[], options: InputOptions];

/** `releases` is ours, of the inputs that web/anisora.js gives a widget. */
interface InputOptions {
  releases: Record<string, Release>;
  default?: unknown;
  /** Ours too: what the default stands for, by release. */
  of_release?: Record<string, unknown>;
  /** The widget to show, where it is not that of the input's type. */
  widgetType?: string;
}

/** A row of WIDGET_RELEASES in nodes/timeline.py. */
interface Release {
  num_frames: number;
  fps: number;
  /** null: the release takes a drawing on the first frame only. */
  key_multiple: number | null;
  frames_multiple: number;
  program_fit: string;
  sizes: number[][];
}

type WidgetConstructor = (
  node: ComfyNode,
  name: string,
  definition: InputDefinition,
  app: ComfyApp,
) => { widget: DomWidget; minWidth: number; minHeight: number };

interface ComfyApi {
  apiURL(route: string): string;
  fetchApi(route: string, options?: RequestInit): Promise<Response>;
  addEventListener<Detail>(name: string, listener: (event: CustomEvent<Detail>) => void): void;
}

interface ComfyGraph {
  /** A Map in newer frontends, an object before. */
  links: Map<number, ComfyLink> | Record<number, ComfyLink>;
  nodes?: ComfyNode[];
  /** The list under its older name. */
  _nodes: ComfyNode[];
  /** Of newer frontends: the workflow's own graph, which may be this one. */
  rootGraph?: ComfyGraph;
  /** Of a subgraph. */
  outputs?: { linkIds: number[] }[];
  getNodeById(id: NodeId): ComfyNode | null | undefined;
  add(node: ComfyNode): void;
  beforeChange(): void;
  afterChange(): void;
  setDirtyCanvas(foreground: boolean, background: boolean): void;
}

interface ComfyInput {
  name: string;
  type: string;
  link: number | null;
}

interface ComfyLink {
  origin_id: NodeId;
  origin_slot: number;
}

interface ComfyNode {
  id: NodeId;
  /** What this node is; `comfyClass` is the same under the name that only ComfyUI's own nodes have. */
  type: string;
  comfyClass?: string;
  title: string;
  mode: number;
  pos: [number, number];
  size: [number, number];
  /** null while the node is in no graph. */
  graph: ComfyGraph | null;
  subgraph?: ComfyGraph;
  inputs?: ComfyInput[];
  outputs?: { type: string }[];
  widgets?: ComfyWidget[];
  /** What the last run showed on the node. */
  imgs?: HTMLImageElement[];
  onExecuted?: NodeEvent;
  onRemoved?: NodeEvent;
  connect(slot: number, target: ComfyNode, input: string | number): unknown;
  computeSize(): [number, number];
  setSize(size: [number, number]): void;
  addDOMWidget(name: string, type: string, root: HTMLElement, options: DomWidgetOptions): DomWidget;
}

type NodeEvent = (this: ComfyNode, ...args: unknown[]) => void;

/** Of any node, so its value may be anything. */
interface ComfyWidget {
  name: string;
  value: unknown;
  /** "combo" for one of a list; the canvas and the page have others. */
  type?: string;
  options?: { getOptionLabel?(value: string | null): string };
  /** Instead of the name. */
  label?: string;
  /** Of a widget that is drawn by the page, as of several lines of text. */
  element?: HTMLElement;
  callback?(value: unknown, canvas?: unknown, node?: ComfyNode): void;
}

interface DomWidget extends ComfyWidget {
  /** false: it has no value in the workflow. */
  serialize?: boolean;
  /** The value in the prompt; it may come later. */
  serializeValue?(): Promise<string>;
}

interface DomWidgetOptions {
  getValue?(): string;
  setValue?(value: string | null | undefined): void;
  getMinHeight(): number;
  /** false: shown at every zoom, else hidden where the canvas draws nodes without detail. */
  hideOnZoom?: boolean;
  /** Not shown in the panel of properties, which would move the element there. */
  hideInPanel?: boolean;
  serialize?: boolean;
}

interface Window {
  LiteGraph: { createNode(type: string): ComfyNode | null; vueNodesMode?: boolean };
}
