"""Templates, the timeline and the painter in ComfyUI's own page: every version found, canvas and Vue."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import Link, override, read_workflow
from frontend import BOX, NODES, Frontend
from hosts import PACK, Host
from tiny_models import name_models
from workflow_files import PUBLISHED, SHIPPED, name_of, sampling_node

pytestmark = pytest.mark.host
DRAWINGS = PACK / "web" / "drawings"
PACK_NAME = "ComfyUI-AniSora"
SIZES = ("length=5", "width=64", "height=64")  # mini's; the other releases' are in tiny_models.py
DROP = """([name, data, x, y]) => {
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "image/png" }));
  const target = document.elementFromPoint(x, y);
  for (const kind of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(kind, { dataTransfer, clientX: x, clientY: y, bubbles: true, cancelable: true }));
  }
}"""


def quick(path: Path) -> list[tuple[str, str, Any]]:
    """What to change in a workflow to make it short and of the tiny models: (node id, input, value)."""
    nodes, before = (read_workflow(path, NODE_CLASS_MAPPINGS) for _ in range(2))
    for setting in (f"{sampling_node(path)}.steps=2", *(f"AniSoraTimeline.{size}" for size in SIZES)):
        override(nodes, setting, NODE_CLASS_MAPPINGS)
    name_models(nodes)
    if sum(node.kind == "AniSoraKeyframe" for node in nodes.values()) <= 2:
        override(nodes, "AniSoraTimeline.length=9", NODE_CLASS_MAPPINGS)
    return [
        (key, name, value)
        for key, node in nodes.items()
        for name, value in node.inputs.items()
        if not isinstance(value, Link) and value != before[key].inputs.get(name)
    ]


def succeed(frontend: Frontend, host: Host) -> list[str]:
    """Run what is open -> the ids of nodes whose outputs were taken from the cache."""
    ended = frontend.run()
    assert ended["kind"] == "execution_success", (ended, host.log.read_text()[-1500:])
    outputs = host.wait(ended["detail"]["prompt_id"], 20)["outputs"]  # history is written after the message
    files = [file for output in outputs.values() for file in output.get("images", [])]
    assert files
    for file in files:
        assert (host.base / file["type"] / file["subfolder"] / file["filename"]).stat().st_size > 500
    return ended["cached"]


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_a_template_opens_tidy_and_runs(path: Path, frontend: Frontend, host: Host):
    since = time.monotonic()
    frontend.load(frontend.template(path.stem))
    assert not frontend.alerts()
    assert frontend.page.evaluate("app.canvas.ds.scale") > 0.6  # smaller, and 1.27 hides every widget
    frontend.picture(path.stem)
    frontend.set(quick(path))
    succeed(frontend, host)
    frontend.picture(f"{path.stem}_after_a_run")
    frontend.row["templates"][path.stem] = round(time.monotonic() - since, 1)


def middle(box: dict[str, float]) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


class Strip:
    """The timeline's strip on the page."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend, self.page = frontend, frontend.page
        self.root = self.page.locator(".anisora-strip")
        frontend.show("AniSoraTimeline")
        self.root.locator(".cards").wait_for()

    def drop(self, drawing: str, share: float) -> None:
        box = self.root.locator(".cards").bounding_box()
        data = base64.b64encode((DRAWINGS / drawing).read_bytes()).decode()
        self.page.evaluate(
            DROP, [drawing, data, box["x"] + share * box["width"], box["y"] + box["height"] / 2]
        )

    def drag(self, number: int, share: float) -> None:
        row = self.root.locator(".cards").bounding_box()
        self.page.mouse.move(*middle(self.root.locator(".key").nth(number).bounding_box()))
        self.page.mouse.down()
        self.page.mouse.move(row["x"] + share * row["width"], row["y"] + row["height"] / 2, steps=8)
        self.page.mouse.up()

    def shown(self) -> list[str]:
        return self.root.locator(".key .at").all_inner_texts()


def positions(frontend: Frontend) -> list[str]:
    return frontend.page.evaluate(
        f"""() => {NODES}.filter((one) => one.type === "AniSoraKeyframe")
          .map((one) => one.widgets.find((widget) => widget.name === "position").value)"""
    )


def test_a_keyframe_dragged_on_the_strip_snaps_to_a_frame_of_the_release(widgets: Frontend):
    """V3.1 takes every 8th frame; these keyframes are nodes, which the drag changes."""
    widgets.load(widgets.template("v31_keyframes"))
    strip = Strip(widgets)
    widgets.page.wait_for_function("document.querySelectorAll('.anisora-strip .key img').length === 5")
    assert strip.shown() == ["0", "20 → 16", "40", "60 → 64", "80"]
    strip.drag(1, 0.4)
    widgets.page.wait_for_timeout(300)
    assert positions(widgets) == ["first", "32", "50%", "75%", "last"]
    assert strip.shown()[1] == "32"
    widgets.picture("timeline", "AniSoraTimeline")


@pytest.mark.parametrize(("kind", "css"), [("AniSoraTimeline", "strip"), ("AniSoraMotionPainter", "painter")])
def test_a_widget_is_shown_far_away_and_the_wheel_over_it_zooms(kind, css, widgets: Frontend):
    widgets.load(widgets.template("motion_painter"))
    widgets.show(kind, 0.5)
    box = widgets.page.locator(f".anisora-{css}").bounding_box()
    assert box, "hidden"
    widgets.picture(f"{css}_far_away", kind)
    widgets.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    widgets.page.mouse.wheel(0, 100)
    widgets.page.wait_for_function("app.canvas.ds.scale < 0.49")
    at = widgets.page.evaluate("[...app.canvas.ds.offset]")
    widgets.page.mouse.down(button="middle")
    widgets.page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 3, steps=4)
    widgets.page.mouse.up(button="middle")
    widgets.page.wait_for_function("(x) => app.canvas.ds.offset[0] > x + 60", arg=at[0])


def test_a_timeline_in_a_subgraph_knows_its_release_and_keyframes(frontend: Frontend):
    frontend.load(frontend.template("v31_keyframes"))
    known = frontend.page.evaluate(
        f"""async () => {{
          const graph = await import("/extensions/{PACK_NAME}/graph.js");
          const timeline = {NODES}.find(({{ type }}) => type === "AniSoraTimeline");
          app.graph.convertToSubgraph(new Set([timeline]));
          const {{ subgraph }} = {NODES}.find((one) => one.subgraph);
          const inner = subgraph.nodes.find(({{ type }}) => type === "AniSoraTimeline");
          return [graph.releaseOf(inner), graph.keyframesOf(inner).map((key) => key.position)];
        }}"""
    )
    assert known == ["V3.1", ["first", "25%", "50%", "75%", "last"]]


def test_the_clip_plays_by_itself(widgets: Frontend, host: Host):
    widgets.load(widgets.template("image_to_video"))
    widgets.set(quick(PACK / "workflows" / "image_to_video.json"))
    sampler = widgets.page.evaluate(f"String({NODES}.find(({{ type }}) => type === 'AniSoraSampler').id)")
    # What was made before is not told of again, as by the other renderer on the same host.
    widgets.set([(sampler, "seed", 11 + len(widgets.renderer))])
    succeed(widgets, host)
    widgets.page.wait_for_function(
        "[...document.querySelectorAll('video')].some((one) => !one.paused && one.currentTime > 0)"
    )


def test_help_does_not_cover_the_timeline(widgets: Frontend):
    widgets.load(widgets.template("image_to_video"))
    widgets.show("AniSoraTimeline", 0.8)
    box = widgets.page.locator(".anisora-strip").bounding_box()
    widgets.page.mouse.move(box["x"] - 300, box["y"] - 100)
    for part in (0.3, 0.5, 0.6):
        widgets.page.mouse.move(box["x"] + part * box["width"], box["y"] + part * box["height"], steps=3)
        widgets.page.wait_for_timeout(1200)
        said = widgets.page.locator(".p-tooltip, [role=tooltip]").all_inner_texts()
        assert not [one for one in said if "text" in one], said


def test_a_painted_areas_colour_is_one_and_nothing_else(widgets: Frontend):
    """Shared workflows bring their own; an address in it would be asked for by the page."""
    asked: list[str] = []
    widgets.page.on("request", lambda request: asked.append(request.url))
    widgets.load(widgets.template("motion_painter"))
    painter = widgets.page.evaluate(
        f"String({NODES}.find(({{ type }}) => type === 'AniSoraMotionPainter').id)"
    )
    colours = ["#12ab34", "url(/nowhere.png)", "red;background:url(/nowhere.png)"]
    areas = [{"name": f"a{i}", "color": one, "keys": []} for i, one in enumerate(colours)]
    widgets.set([(painter, "painting", json.dumps({"version": 1, "areas": areas}))])
    widgets.show("AniSoraMotionPainter", 0.8)
    shown = widgets.page.locator(".anisora-painter .area")
    widgets.page.wait_for_function("document.querySelectorAll('.anisora-painter .area').length === 3")
    used = [one.evaluate("(chip) => chip.style.getPropertyValue('--color')") for one in shown.all()]
    assert used[0] == "#12ab34"
    assert all(re.fullmatch("#[0-9a-f]{6}", one) for one in used), used
    assert not [url for url in asked if "nowhere" in url]


def test_text_can_be_linked_to_the_timeline(widgets: Frontend):
    """With the widget's own type the page refuses the link, though the node takes text."""
    widgets.load(widgets.template("image_to_video"))
    linked = widgets.page.evaluate(
        f"""() => {{
          const text = LiteGraph.createNode("PrimitiveString");
          app.graph.add(text);
          const timeline = {NODES}.find(({{ type }}) => type === "AniSoraTimeline");
          const slot = timeline.inputs.findIndex(({{ name }}) => name === "timeline_json");
          text.connect(0, timeline, slot);
          return timeline.inputs[slot].link != null;
        }}"""
    )
    assert linked


def painted(frontend: Frontend) -> int:
    """How many pixels of the painter's canvas are covered."""
    return frontend.page.evaluate(
        """() => { const canvas = document.querySelector(".anisora-painter canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let at = 3; at < data.length; at += 4) count += data[at] > 60;
          return count; }"""
    )


def test_a_session_is_saved_and_goes_on_after_a_reload(widgets: Frontend, host: Host):
    """Drop a drawing, drag it, paint what may move, save, reload, open, run twice."""
    page = widgets.page
    path = PACK / "workflows" / "motion_painter.json"
    widgets.load(widgets.template("motion_painter"))
    widgets.set(quick(path))
    strip = Strip(widgets)
    page.wait_for_function("document.querySelectorAll('.anisora-strip .key').length === 1")
    strip.drop("walk_last.png", 0.5)
    page.wait_for_function("document.querySelectorAll('.anisora-strip .key').length === 2")
    strip.drag(1, 0.98)
    page.wait_for_timeout(400)
    (keyframe,) = json.loads(widgets.value("AniSoraTimeline", "timeline_json"))["keyframes"]
    assert keyframe["position"] == "last"
    assert keyframe["image"] == "anisora/walk_last.png [input]"

    widgets.show("AniSoraMotionPainter")
    sheet = page.locator(".anisora-painter .sheet")
    box = sheet.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.6 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"], steps=10)
    page.mouse.up()
    page.wait_for_timeout(300)
    stroke = painted(widgets)
    assert stroke > 2000
    page.wait_for_function(
        f"{NODES}.find((one) => one.type === 'AniSoraMotionPainter').widgets.some(({{ value }}) => String(value).includes('anisora/mask_'))"
    )
    widgets.picture("painter", "AniSoraMotionPainter")
    saved = widgets.saved()
    values = [
        widgets.value("AniSoraTimeline", "timeline_json"),
        widgets.value("AniSoraMotionPainter", "painting"),
    ]

    widgets.reload()
    widgets.load(saved)
    widgets.show("AniSoraMotionPainter")
    page.wait_for_function("document.querySelectorAll('.anisora-painter .area').length === 1")
    page.wait_for_timeout(500)
    assert abs(painted(widgets) - stroke) < 0.02 * stroke
    assert values == [
        widgets.value("AniSoraTimeline", "timeline_json"),
        widgets.value("AniSoraMotionPainter", "painting"),
    ]
    succeed(widgets, host)
    page.wait_for_timeout(800)
    widgets.picture("painter_after_a_run", "AniSoraMotionPainter")
    ids = page.evaluate(
        f"{NODES}.filter(({{ type }}) => type.startsWith('AniSora')).map(({{ id }}) => String(id))"
    )
    assert set(ids) <= set(succeed(widgets, host))


def test_a_template_opens_from_the_browser_of_templates(frontend: Frontend):
    frontend.command("Comfy.BrowseTemplates")
    name = frontend.page.get_by_text(re.compile("^storyboard[ _]five[ _]keyframes$")).first
    name.click()
    frontend.page.wait_for_function(
        f"{NODES}.filter(({{ type }}) => type === 'AniSoraKeyframe').length === 5"
    )
    frontend.page.wait_for_function(
        "![...document.querySelectorAll('[role=dialog]')].some((one) => one.checkVisibility())"
    )


SEARCHES = {
    "keyframe": "AniSora Keyframe",
    "anime": "AniSora Model Loader",
    "first last frame": "AniSora Keyframe",
    "image to video": "AniSora Guide",
    "storyboard": "AniSora Timeline",
    "mask paint": "AniSora Motion Painter",
    "关键帧": "AniSora Keyframe",
    "中割": "AniSora Timeline",
}


def test_search_finds_nodes_by_what_artists_call_them(frontend: Frontend):
    """1.27 searches the names of nodes only, in the language of the page."""
    for words, name in SEARCHES.items():
        if not words.isascii() and not frontend.searches_aliases:
            continue
        frontend.command("Workspace.SearchBox.Toggle")
        frontend.page.wait_for_timeout(500)
        frontend.page.keyboard.type(words)
        frontend.page.get_by_text(re.compile(f"^{name}")).first.wait_for()
        if words == "storyboard":
            frontend.picture("search")
        for _ in range(2):
            frontend.page.keyboard.press("Escape")
        frontend.page.wait_for_timeout(200)


def test_an_unset_value_shows_the_releases_until_it_is_set(widgets: Frontend):
    widgets.load(widgets.template("v31_keyframes"))
    widgets.show("AniSoraTimeline", 0.9)
    page = widgets.page
    if widgets.renderer == "vue":
        page.get_by_text("length (81)").first.wait_for()
    shown = f"""() => Object.fromEntries({NODES}.filter(({{ type }}) => /Timeline|Sampler|Loader/.test(type)).flatMap((node) => node.widgets)
        .map((widget) => [widget.name, widget._displayValue]))"""
    values = page.evaluate(shown)
    assert (values["length"], values["fps"], values["width"], values["steps"]) == ("81", "16", "auto", "8")
    assert values["sampler"] == "unipc"
    assert values["vae_file"].endswith(".safetensors") or values["vae_file"].endswith(".pth")
    timeline = page.evaluate(f"String({NODES}.find(({{ type }}) => type === 'AniSoraTimeline').id)")
    widgets.set([(timeline, "length", 49), (timeline, "shape", "480x832")])
    values = page.evaluate(shown)
    assert (values["length"], values["width"], values["height"]) == ("49", "480", "832")
    assert widgets.value("AniSoraTimeline", "width") == 0  # shown, not set
    if widgets.renderer == "vue":
        page.get_by_text(re.compile("^length$")).first.wait_for()


def test_the_panel_of_properties_leaves_the_widget_in_its_node(widgets: Frontend):
    """0.33's panel shows widgets of the node that is clicked, and would take their elements with it."""
    button = widgets.page.locator("[aria-label='Toggle properties panel']")
    if not button.count():
        pytest.skip(f"frontend {widgets.version} has no panel of properties")
    widgets.load(widgets.template("motion_painter"))
    button.first.click()
    try:
        for kind, css in (("AniSoraTimeline", "strip"), ("AniSoraMotionPainter", "painter")):
            widgets.show(kind, 0.7)
            view = widgets.page.locator(f".anisora-{css}")
            before = view.bounding_box()
            title = widgets.page.evaluate(BOX, kind)
            widgets.page.mouse.click(title["x"] + 0.6 * title["width"], title["y"] + 20)
            widgets.page.wait_for_timeout(1000)
            widgets.picture(f"{css}_and_panel")
            assert abs(view.bounding_box()["width"] - before["width"]) < 2
    finally:
        widgets.page.locator("[aria-label*='properties panel']").first.click()


def test_a_file_may_be_one_that_is_not_listed_or_come_along_a_link(frontend: Frontend, host: Host):
    """As texts could before these inputs became lists: the node finds the file, or says that it is not there."""
    if frontend.renderer == "vue":
        pytest.skip("the server's part, tried once")
    loader = {"class_type": "AniSoraModelLoader", "inputs": {"release": "V3.1", "precision": "auto"}}
    rest = {"2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 3]}}}
    linked = {"3": {"class_type": "PrimitiveString", "inputs": {"value": "nowhere.safetensors"}}}
    for name, more in (("nowhere.safetensors", {}), (["3", 0], linked)):
        loader["inputs"]["transformer_file"] = name
        ended = host.run({"1": loader, **rest, **more})
        said = json.dumps(ended["status"]["messages"])
        assert "'nowhere.safetensors' is not in models/diffusion_models" in said
    frontend.load(frontend.template("v31_keyframes"))
    listed = frontend.page.evaluate(
        f"""{NODES}.find(({{ type }}) => type === "AniSoraModelLoader").widgets.find(({{ name }}) => name === "transformer_file").options.values"""
    )
    assert listed[0] == ""
    assert "anisora_v3.1.safetensors" in listed


def test_the_help_of_a_node_opens(frontend: Frontend):
    frontend.load(frontend.template("image_to_video"))
    frontend.show("AniSoraTimeline")
    frontend.page.evaluate(f"app.canvas.selectNode({NODES}.find(({{ type }}) => type === 'AniSoraTimeline'))")
    frontend.page.locator("[data-testid=info-button]").click()
    frontend.page.get_by_role("heading", name="The timeline editor").wait_for()
    frontend.picture("help")


@pytest.mark.parametrize("path", PUBLISHED, ids=name_of)
def test_a_published_workflow_opens(path: Path, frontend: Frontend):
    """With every value it was saved with; what they give is tested without the page."""
    frontend.load(json.loads(path.read_text()))
    prompt = frontend.page.evaluate("async () => (await app.graphToPrompt()).output")
    for key, node in read_workflow(path, NODE_CLASS_MAPPINGS).items():
        inputs = prompt[key]["inputs"]
        for name, value in node.inputs.items():
            expected = [value.node, value.slot] if isinstance(value, Link) else value
            assert (
                [str(one) for one in inputs[name]] == [str(one) for one in expected]
                if isinstance(value, Link)
                else inputs[name] == expected
            ), (node.kind, name)
