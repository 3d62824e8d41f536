"""The strip as the node's widget, and graph.js, on a small graph that answers as ComfyUI's does."""

from __future__ import annotations

import json

import pytest
from comfyui_anisora.nodes.keyframe_timeline import WIDGET_RELEASES
from comfyui_anisora.nodes.model_loader import DRAWINGS

APP = """
const told = (name) => (event) => window.canvas.push([name, event.deltaY ?? event.buttons]);
window.canvas = [];
export const app = { ui: { settings: { getSettingValue: () => "en" } }, canvas: Object.fromEntries(
  ["Down", "Move", "Up", "Wheel"].map((name) => [`processMouse${name}`, told(name)])) };
"""
API = """
export const api = {
  apiURL: (route) => `/api${route}`,
  async fetchApi(route, { body } = {}) {
    if (route !== "/upload/image") return new Response(JSON.stringify(window.answers[route]));
    const file = body.get("image");
    window.uploads.push([file.name, body.get("subfolder"), body.get("type"), file.size]);
    return new Response(JSON.stringify({ name: file.name, subfolder: body.get("subfolder"), type: "input" }));
  },
};
"""
GRAPH = """
async (releases) => {
  window.uploads = [];
  window.answers = { "/object_info/LoadImage": { LoadImage: { input: { required: { image: ["COMBO", { options: ["in.png"] }] } } } } };
  window.graph = { nodes: [], links: new Map(), getNodeById: (id) => graph.nodes.find((one) => String(one.id) === String(id)),
    add(one) { one.id = 100 + this.nodes.length; this.nodes.push(one); one.graph = this; },
    setDirtyCanvas() {}, beforeChange() {}, afterChange() {} };
  window.make = (id, type, inputs, outputs, widgets = {}) => {
    const node = { id, type, title: type, mode: 0, pos: [0, 0], graph,
      inputs: inputs.map(([name, type]) => ({ name, type, link: null })), outputs: outputs.map((type) => ({ type })),
      widgets: Object.entries(widgets).map(([name, value]) => ({ name, value })),
      addDOMWidget(name, type, root, options) {
        const widget = { name, type, options, get value() { return options.getValue(); }, set value(text) { options.setValue(text); } };
        document.body.append(root);
        node.widgets.push(widget);
        return widget;
      },
      connect(slot, target, name) {
        const id = 1000 + graph.links.size;
        graph.links.set(id, { id, origin_id: node.id, origin_slot: slot });
        const input = target.inputs.find((one) => one.name === name) ?? target.inputs[name] ?? target.inputs.find((one) => one.type === node.outputs[slot].type);
        input.link = id;
      } };
    graph.nodes.push(node);
    return node;
  };
  const keyframe = (id, position) => make(id, "AniSoraKeyframe", [["image", "IMAGE"], ["keyframes", "KEYS"], ["transparent", "MASK"]], ["KEYS"], { position, strength: 1 });
  window.LiteGraph = { createNode: () => { const made = keyframe(0, "first"); graph.nodes.pop(); return made; } };
  window.loader = make(1, "AniSoraModelLoader", [], ["MODEL", "RELEASE"], { release: "V3.1" });
  window.drawing = make("2", "AniSoraDrawing", [], ["IMAGE", "MASK"], { drawing: "wave" });
  window.photo = make("3", "LoadImage", [], ["IMAGE", "MASK"], { image: "sub/b.png [input]" });
  window.first = keyframe("4", "first");
  window.last = keyframe("5", "50%");
  window.reroute = make(6, "Reroute", [["", "*"]], ["*"]);
  window.node = make("7", "AniSoraTimeline", [["release", "RELEASE"], ["keyframes", "KEYS"]], [],
    { length: 0, fps: 0, width: 0, height: 0, shape: "release", fit: "crop" });
  loader.connect(1, node, "release");
  drawing.connect(0, first, "image");
  photo.connect(0, last, "image");
  first.connect(0, last, "keyframes");
  last.connect(0, reroute, 0);
  reroute.connect(0, node, "keyframes");
  window.host = await import("/web/graph.js");
  const { timelineWidget } = await import("/web/timeline/widget.js");
  window.made = timelineWidget.create(node, "timeline_json", ["ANISORA_KEYFRAME_STRIP", { releases }]);
  Object.assign(document.querySelector(".anisora-strip").style, { width: "900px", height: "400px" });
}
"""


@pytest.fixture
def graph(page, site):
    page.route("**/scripts/app.js", lambda route: route.fulfill(content_type="text/javascript", body=APP))
    page.route("**/scripts/api.js", lambda route: route.fulfill(content_type="text/javascript", body=API))
    picture = (DRAWINGS / "wave.png").read_bytes()
    page.route("**/api/view*", lambda route: route.fulfill(content_type="image/png", body=picture))
    page.route(f"{site}/", lambda route: route.fulfill(content_type="text/html", body="<!doctype html>"))
    page.goto(f"{site}/")
    page.evaluate(GRAPH, WIDGET_RELEASES)
    return page


def test_keyframes_are_followed_past_a_reroute_in_the_order_of_the_chain(graph):
    graph.evaluate("""made.widget.value = '{"keyframes": [{"image": "c.png", "position": "8"}]}'""")
    found = graph.evaluate(
        "host.keyframesOf(node).map(({ linked, ...key }) => ({ ...key, node: linked?.id ?? null }))"
    )
    assert [(key["label"], key["position"], key["node"]) for key in found] == [
        ("wave", "first", "4"),
        ("sub/b.png", "50%", "5"),
        ("c.png", "8", None),
    ]
    assert found[1]["url"] == "/api/view?filename=b.png&subfolder=sub&type=input&channel=rgb"
    assert graph.request.get(found[0]["url"]).body() == (DRAWINGS / "wave.png").read_bytes()


def test_a_bypassed_keyframe_is_left_out_and_a_muted_one_ends_the_chain(graph):
    ids = "host.keyframesOf(node).map((key) => key.linked.id)"
    graph.evaluate("last.mode = 4")
    assert graph.evaluate(ids) == ["4"]
    graph.evaluate("last.mode = 2")
    assert graph.evaluate(ids) == []


def test_a_keyframe_whose_drawing_is_out_of_sight_has_the_name_of_its_node(graph):
    graph.evaluate("graph.links.get(first.inputs[0].link).origin_id = -10")  # the edge of a subgraph
    assert graph.evaluate("host.keyframesOf(node).map((key) => [key.url, key.label])[0]") == [
        None,
        "AniSoraKeyframe",
    ]


def test_the_release_is_minis_where_a_subgraph_hides_it(graph):
    assert graph.evaluate("host.releaseOf(node)") == "V3.1"
    graph.evaluate("graph.links.get(node.inputs[0].link).origin_id = -10")
    assert graph.evaluate("host.releaseOf(node)") == "mini"


SUBGRAPH = """() => {
  const outer = { nodes: [], links: new Map(), getNodeById: (id) => outer.nodes.find((one) => one.id === id) };
  outer.rootGraph = graph.rootGraph = outer;
  const outside = (id, widgets, outputs) => {
    const made = { id, type: "PrimitiveInt", title: "", mode: 0, graph: outer, inputs: [], outputs,
      widgets: Object.entries(widgets).map(([name, value]) => ({ name, value })) };
    outer.nodes.push(made);
    return made;
  };
  outside(1, { release: "V1" }, [{ type: "RELEASE" }]);
  outside(2, { value: 21 }, [{ type: "INT" }]);
  window.inside = { nodes: [], links: new Map([[5, { origin_id: 4, origin_slot: 0 }]]), outputs: [{ linkIds: [5] }],
    getNodeById: (id) => (String(id) === "4" ? first : null) };
  const maker = outside(3, {}, [{ type: "KEYS" }]);
  maker.subgraph = inside;
  const box = outside(4, { width: 480 }, []);
  box.subgraph = graph;
  box.inputs = [["release", 1], ["length", 2], ["keyframes", 3], ["width", null]].map(([name, link]) => ({ name, link }));
  for (const id of [1, 2, 3]) outer.links.set(id, { origin_id: id, origin_slot: 0 });
  const enter = (name, slot) => {
    let input = node.inputs.find((one) => one.name === name);
    if (!input) node.inputs.push((input = { name, link: null }));
    input.link = 500 + slot;
    graph.links.set(500 + slot, { origin_id: -10, origin_slot: slot });
  };
  ["release", "length", "keyframes", "width"].forEach(enter);
}"""


def test_links_are_followed_through_the_edges_of_subgraphs(graph):
    graph.evaluate(SUBGRAPH)
    assert graph.evaluate("host.releaseOf(node)") == "V1"
    assert graph.evaluate("host.numberInto(node, 'length')") == 21
    assert (
        graph.evaluate("host.numberInto(node, 'width')") == 480
    )  # a widget of the node that holds the subgraph
    assert graph.evaluate("host.keyframesOf(node).map((key) => key.label)") == ["wave"]
    graph.wait_for_function("document.querySelectorAll('.key').length === 1")
    field = graph.get_by_label("Length in frames")
    assert field.input_value() == "21"
    assert field.is_disabled()
    assert field.get_attribute("title") == "set by a connected node"


def test_of_several_nodes_with_one_subgraph_the_one_it_was_opened_by_counts(graph):
    """Newer hosts say which it is; in 1.27 it is selected."""
    graph.evaluate(SUBGRAPH)
    graph.evaluate(
        """() => {
          window.screen = document.createElement("canvas");
          window.host.noteOpenedSubgraphs((window.shown = { canvas: { canvas: screen, selected_nodes: {} } }));
          const [outer] = [graph.rootGraph];
          const first = outer.getNodeById(4);
          window.second = { ...first, id: 5, inputs: first.inputs.map((one) => ({ ...one })) };
          second.inputs[1].link = 6;
          outer.nodes.push(second, { id: 6, type: "PrimitiveInt", mode: 0, graph: outer, inputs: [], outputs: [{ type: "INT" }], widgets: [{ name: "value", value: 77 }] });
          outer.links.set(6, { origin_id: 6, origin_slot: 0 });
        }"""
    )
    opened = "(detail) => screen.dispatchEvent(new CustomEvent('subgraph-opening', { detail }))"
    length = "host.numberInto(node, 'length')"
    assert graph.evaluate(length) == 21
    graph.evaluate(f"({opened})({{ subgraph: graph, fromNode: second }})")
    assert graph.evaluate(length) == 77
    graph.evaluate(f"({opened})({{ subgraph: graph, fromNode: graph.rootGraph.getNodeById(4) }})")
    assert graph.evaluate(length) == 21
    graph.evaluate("shown.canvas.selected_nodes = { 5: second }")
    graph.evaluate(f"({opened})({{ subgraph: graph }})")
    assert graph.evaluate(length) == 77
    graph.evaluate("second.graph = null")  # it was deleted
    assert graph.evaluate(length) == 21


def test_a_transparent_drawing_is_shown_on_the_paper_of_its_node(graph):
    graph.evaluate("node.widgets.push({ name: 'paper', value: '#00f' })")
    assert graph.evaluate("host.keyframesOf(node).map((key) => key.url.split('#')[1])") == [
        "paper=%2300f",
        None,
    ]
    graph.evaluate("node.widgets.at(-1).value = 'White'")
    assert "#" not in graph.evaluate("host.keyframesOf(node)[0].url")
    layer = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/%3E"
    pixel = """async (url) => {
      const { Pictures } = await import("/web/timeline/pictures.js");
      return new Promise((resolve) => {
        const pictures = new Pictures(() => resolve([...pictures.of(url).canvas.getContext("2d").getImageData(2, 2, 1, 1).data]));
        pictures.of(url);
      });
    }"""
    assert graph.evaluate(pixel, layer) == [255, 255, 255, 255]
    assert graph.evaluate(pixel, f"{layer}#paper=%2300f") == [0, 0, 255, 255]


def test_what_only_a_run_can_tell_is_said(graph):
    graph.evaluate(
        "node.inputs.push({ name: 'height', link: 77 }); graph.links.set(77, { origin_id: '4', origin_slot: 0 })"
    )
    said = "Set by a connected node, known in a run: height"
    graph.wait_for_function(
        "(said) => document.querySelector('[role=status]').textContent === said", arg=said
    )
    graph.evaluate("node.inputs.push({ name: 'timeline_json', link: 77 })")
    graph.wait_for_function(
        "document.querySelector('[role=status]').textContent.startsWith('A connected node gives')"
    )


def test_names_become_addresses(graph):
    names = ["a b.png", "sub/deep/x.png [output]", "sub\\x.png [temp]", "odd [1].png"]
    assert graph.evaluate(f"[{', '.join(map(repr, names))}].map(host.viewUrl)") == [
        "/api/view?filename=a+b.png&subfolder=&type=input",
        "/api/view?filename=x.png&subfolder=sub%2Fdeep&type=output",
        "/api/view?filename=x.png&subfolder=sub&type=temp",
        "/api/view?filename=odd+%5B1%5D.png&subfolder=&type=input",
    ]


def test_equal_content_has_one_name_with_and_without_the_browsers_hash(graph):
    make = "host.contentName(new Blob([%r], { type: 'image/jpeg' }), 'a')"
    for _ in range(2):
        names = graph.evaluate(f"Promise.all([{make % 'x'}, {make % 'x'}, {make % 'y'}])")
        assert names[0] == names[1] != names[2]
        assert len(names[0]) == len("a_0123456789abcdef.jpg")
        graph.evaluate(
            "Object.defineProperty(crypto, 'subtle', { value: undefined })"
        )  # plain http in a studio


def test_the_strip_shows_and_edits_the_nodes_around_it(graph):
    assert graph.locator(".key.linked").count() == 2
    assert graph.locator(".key .at").all_text_contents() == ["0", "40"]
    graph.locator(".key").nth(1).click()
    graph.keyboard.press("ArrowRight")
    assert graph.evaluate("last.widgets[0].value") == "48"
    graph.evaluate("last.widgets[0].value = '25%'; loader.widgets[0].value = 'mini'")
    graph.wait_for_function("document.querySelectorAll('.key .at')[1].textContent === '8'")
    graph.get_by_label("Length in frames").fill("20")
    graph.keyboard.press("Enter")
    assert graph.evaluate("host.siblingWidget(node, 'length').value") == 21
    assert graph.evaluate("made.widget.value") == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("my art.png", "my art.png"),
        ("原画:1?.webp", "原画_1_.webp"),
        ("hero", "hero.png"),
        (".png", "drawing.png"),
    ],
)
def test_a_file_keeps_its_name(given, kept, graph):
    graph.evaluate(
        """(name) => { const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["not much"], name, { type: "image/png" }));
        document.querySelector(".cards").dispatchEvent(new DragEvent("drop", { dataTransfer, clientX: 400, bubbles: true, cancelable: true })); }""",
        given,
    )
    graph.wait_for_function("made.widget.value")
    (name, *rest) = graph.evaluate("uploads[0]")
    assert name == kept
    assert rest == ["anisora", "input", 8]
    assert (
        json.loads(graph.evaluate("made.widget.value"))["keyframes"][0]["image"] == f"anisora/{name} [input]"
    )


def test_an_image_of_the_hosts_own_pages_is_named_and_not_stored_again(graph):
    graph.evaluate(
        """() => { const dataTransfer = new DataTransfer();
        dataTransfer.setData("text/uri-list", `${location.origin}/api/view?filename=x.png&subfolder=y&type=output`);
        document.querySelector(".cards").dispatchEvent(new DragEvent("drop", { dataTransfer, clientX: 400, bubbles: true, cancelable: true })); }"""
    )
    assert json.loads(graph.evaluate("made.widget.value"))["keyframes"][0]["image"] == "y/x.png [output]"
    assert graph.evaluate("uploads") == []


def test_a_node_from_the_picker_is_wired_through_a_new_keyframe(graph):
    graph.get_by_role("button", name="Add drawings").click()
    assert graph.locator(".picker .grid button").all_text_contents() == ["wave", "sub/b.png", "in.png"]
    graph.locator(".picker button", has_text="wave").dblclick()
    assert graph.evaluate("host.keyframesOf(node).map((key) => [key.label, key.position])") == [
        ["wave", "first"],
        ["sub/b.png", "50%"],
        ["wave", "8"],
    ]
    assert graph.evaluate("made.widget.value") == ""


def test_transparency_is_shown_as_the_keyframe_gets_it(graph):
    """Load Image gives colours alone; with its mask they lie on white, as the page draws them."""
    url = "host.keyframesOf(node)[1].url"
    assert graph.evaluate(url).endswith("&channel=rgb")
    graph.evaluate("photo.connect(1, last, 'transparent')")
    assert graph.evaluate(url) == "/api/view?filename=b.png&subfolder=sub&type=input"
    graph.get_by_role("button", name="Add drawings").click()
    graph.locator(".picker button", has_text="sub/b.png").dblclick()
    assert "channel" not in graph.evaluate("host.keyframesOf(node)[2].url")


def test_the_wheel_and_the_middle_button_are_the_canvass_but_for_lists(graph):
    assert graph.evaluate("made.widget.options.hideOnZoom") is False
    box = graph.locator(".anisora-strip").bounding_box()
    graph.mouse.move(box["x"] + 300, box["y"] + 120)
    graph.mouse.wheel(0, 100)
    graph.wait_for_function("canvas.length === 1")
    graph.mouse.down(button="middle")
    graph.mouse.move(box["x"] + 320, box["y"] + 120)
    graph.mouse.up(button="middle")
    assert graph.evaluate("canvas") == [["Wheel", 100], ["Down", 4], ["Move", 4], ["Up", 0]]
    graph.mouse.move(*(box[side] + 30 for side in "xy"))
    graph.evaluate("LiteGraph.vueNodesMode = true; canvas.length = 0")
    graph.mouse.wheel(0, 100)
    graph.evaluate("LiteGraph.vueNodesMode = false")
    graph.evaluate(
        """() => { const list = document.createElement("div");
        list.innerHTML = '<div style="height: 900px"></div>';
        list.style = "position: absolute; inset: 0; overflow-y: auto";
        document.querySelector(".anisora-strip").append(list); }"""
    )
    graph.mouse.wheel(0, 100)
    graph.wait_for_timeout(200)
    assert graph.evaluate("canvas") == []


def test_a_removed_node_stops_looking(graph):
    graph.evaluate(
        "node.onRemoved(); window.asked = 0; Object.defineProperty(node, 'inputs', { get() { asked++; return []; } }); null"
    )
    graph.wait_for_timeout(900)
    assert graph.evaluate("asked") == 0
