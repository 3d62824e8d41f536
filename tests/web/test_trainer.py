"""The trainer's view in Chromium: what an artist sees while a training runs."""

from __future__ import annotations

import math

import pytest
from comfyui_anisora.nodes.model_loader import DRAWINGS

HTML = """<link rel="icon" href="data:,"><style>body { margin: 0; background: #202020 }</style>
<div id="box" style="width: 440px; height: 560px"><div id="root"></div></div>"""
START = """async (locale) => {
  const { createView } = await import("/web/trainer/view.js");
  const { wordsOf } = await import("/web/trainer/text.js");
  window.view = createView(document.getElementById("root"), {
    words: wordsOf(locale), viewUrl: ({ filename, version }) => `/sheets/${filename}?v=${version}`,
  });
}"""
COLOURED = """() => {
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const columns = new Set();
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 200 && data[at + 2] > data[at] + 60) columns.add((at / 4) % canvas.width);
  return columns.size / canvas.width;
}"""
SHEET = {"filename": "step_000100.jpg", "subfolder": "anisora_training/ink/samples", "version": "1"}
REPORT = [
    "24 pictures and 0 clips, 640x480 to 2048x1536",
    "24 trained at 128x160",
    "'a.png' looks like 'b.png'",
]


def message(**more) -> dict:
    curve = [
        [step, 0.4 + 0.5 * math.exp(-step / 60) + 0.1 * math.sin(step * 7), 0.4 + 0.5 * math.exp(-step / 60)]
        for step in range(1, 121)
    ]
    plain = {
        "name": "ink",
        "phase": "training",
        "done": 120,
        "total": 300,
        "seconds_left": 200,
        "gigabytes": 1.2,
        "motion_ratio": 0.97,
        "sheet": SHEET,
        "report": REPORT,
        "warnings": [],
        "curve": curve,
    }
    return plain | more


@pytest.fixture
def open_view(page, site):
    def opened(locale="en"):
        page.route(f"{site}/page", lambda route: route.fulfill(content_type="text/html", body=HTML))
        picture = (DRAWINGS.parents[1] / "workflows" / "style_lora.jpg").read_bytes()
        page.route("**/sheets/*", lambda route: route.fulfill(content_type="image/jpeg", body=picture))
        page.goto(f"{site}/page")
        page.evaluate(START, locale)
        return page

    return opened


def show(page, **more):
    page.evaluate("(message) => view.show(message)", message(**more))


@pytest.mark.parametrize("locale", ["en", "zh", "ja"])
def test_fields_of_several_lines_say_what_goes_into_them(locale, page, site):
    """The host puts the input's own name there."""
    script = {"content_type": "text/javascript"}
    app = f"export const app = {{ ui: {{ settings: {{ getSettingValue: () => '{locale}' }} }} }};"
    page.route("**/scripts/app.js", lambda route: route.fulfill(**script, body=app))
    page.route("**/scripts/api.js", lambda route: route.fulfill(**script, body="export const api = {};"))
    page.route(f"{site}/page", lambda route: route.fulfill(content_type="text/html", body=HTML))
    page.goto(f"{site}/page")
    said = page.evaluate(
        """async () => {
          const { addTrainerView } = await import("/web/trainer/widget.js");
          const widgets = ["sample_prompts", "options"].map((name) => {
            const element = document.createElement("textarea");
            element.placeholder = name;
            return { name, element };
          });
          addTrainerView({ comfyClass: "AniSoraLoraTrainer", widgets: [{ name: "seed" }, ...widgets], size: [1, 1],
            addDOMWidget: () => ({}), computeSize: () => [1, 1], setSize() {} });
          return widgets.map(({ element }) => element.placeholder);
        }"""
    )
    assert all("name = value" in said[1] and "_" not in text and len(text) > 10 for text in said)


def test_before_a_run_it_says_what_to_do(open_view):
    page = open_view()
    assert page.locator(".idle").inner_text().startswith("Press Run")
    assert not page.locator("figure, .facts, .curve").filter(visible=True).count()


def test_a_step_shows_where_it_is_what_is_left_and_the_loss(open_view):
    page = open_view()
    show(page)
    assert page.locator(".facts").inner_text().split("\n") == [
        "Training",
        "step 120 of 300",
        "3 min 20 s left",
        "1.2 GB",
    ]
    assert 0.3 < page.evaluate(COLOURED) < 0.5  # 120 of 300 steps, right of the numbers
    show(page, done=300, phase="finished", curve=message()["curve"], total=120)
    assert page.evaluate(COLOURED) > 0.8
    assert "left" not in page.locator(".facts").inner_text()


def test_samples_are_seen_whole_and_open_at_full_size(open_view):
    page = open_view()
    show(page)
    page.wait_for_function("document.querySelector('img').naturalWidth > 100")
    box = page.locator("img").bounding_box()
    assert box["width"] > 400
    assert box["height"] > 150
    assert page.locator("a").get_attribute("href") == "/sheets/step_000100.jpg?v=1"
    assert page.locator("figcaption").inner_text().startswith("Samples after step 100")
    assert "0.97" in page.locator("figcaption").inner_text()


def test_samples_of_a_new_training_under_an_old_name_are_fetched(open_view):
    page = open_view()
    asked = []
    page.on("request", lambda request: asked.append(request.url.partition("?")[2]))
    for version in ("1", "1", "2"):
        show(page, sheet=SHEET | {"version": version})
    page.wait_for_timeout(200)
    assert [one for one in asked if one] == ["v=1", "v=2"]


def test_the_report_is_one_line_until_it_is_opened(open_view):
    page = open_view()
    show(page)
    assert page.locator("summary").inner_text() == f"Training folder: {REPORT[0]}"
    assert not page.get_by_text("looks like").is_visible()
    page.locator("summary").click()
    assert page.get_by_text("looks like").is_visible()
    show(page, done=121)
    assert page.get_by_text("looks like").is_visible()  # the next message leaves it open


def test_warnings_and_names_are_text_never_markup(open_view):
    page = open_view()
    show(page, warnings=["step 100: samples <b>move</b> 0.5 times"], report=["<img src=x>"])
    assert page.locator(".warnings").inner_text() == "step 100: samples <b>move</b> 0.5 times"
    assert page.locator("img").count() == 1


@pytest.mark.parametrize(
    ("phase", "words"),
    [("encoding", "Reading drawings"), ("stopping", "Stopping"), ("stopped", "saved"), ("failed", "kept")],
)
def test_every_phase_has_its_words(phase, words, open_view):
    page = open_view()
    show(page, phase=phase, sheet=None, done=3, total=24, curve=[])
    assert words in page.locator(".phase").inner_text()
    assert not page.locator("figure").is_visible()


@pytest.mark.parametrize(
    "size", [(440, 560), (300, 420), (900, 800)], ids=lambda size: "x".join(map(str, size))
)
@pytest.mark.parametrize("locale", ["en", "zh", "ja"])
def test_nothing_is_cut_off_at_any_size_or_language(size, locale, open_view, tmp_path):
    page = open_view(locale)
    page.evaluate(
        "([width, height]) => Object.assign(document.getElementById('box').style, { width: `${width}px`, height: `${height}px` })",
        size,
    )
    show(page, warnings=["step 100: samples move 0.71 times as much as the base model's; raise prior"])
    page.wait_for_function("document.querySelector('img').naturalWidth > 100")
    page.screenshot(path=tmp_path / "view.png", clip={"x": 0, "y": 0, "width": size[0], "height": size[1]})
    root = page.locator("#root")
    assert root.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    below = page.locator("details").bounding_box()
    if size != (300, 420):  # the smallest scrolls
        assert below["y"] + below["height"] <= size[1]


def test_messages_find_their_node_in_subgraphs_too(page, site):
    """On a graph that answers as ComfyUI's does; other nodes are left alone, and a node that is gone is no error."""
    app = """
    const make = (id, comfyClass = "AniSoraLoraTrainer") => ({ id, comfyClass, size: [210, 300],
      computeSize: () => [210, 900], setSize(size) { this.size = size; }, addDOMWidget(name, type, root, options) {
      this.root = root; document.body.append(root); return { options }; } });
    const graph = (...nodes) => ({ getNodeById: (id) => nodes.find((one) => String(one.id) === String(id)) ?? null });
    export const inner = make("7"), outer = make(7), other = make(9, "AniSoraLora");
    export const app = { graph: graph(outer, { id: 4, subgraph: graph(inner) }, other), ui: { settings: { getSettingValue: () => "en" } } };
    """
    api = "export const api = Object.assign(new EventTarget(), { apiURL: (route) => `/api${route}` });"
    script = {"content_type": "text/javascript"}
    page.route("**/scripts/app.js", lambda route: route.fulfill(body=app, **script))
    page.route("**/scripts/api.js", lambda route: route.fulfill(body=api, **script))
    picture = (DRAWINGS / "wave.png").read_bytes()
    page.route("**/api/view*", lambda route: route.fulfill(content_type="image/png", body=picture))
    page.route(f"{site}/page", lambda route: route.fulfill(content_type="text/html", body=HTML))
    page.goto(f"{site}/page")
    page.evaluate("""async () => {
      const { addTrainerView, listenToTrainings } = await import("/web/trainer/widget.js");
      window.host = await import("/scripts/app.js");
      window.api = (await import("/scripts/api.js")).api;
      [host.inner, host.outer, host.other].forEach(addTrainerView);
      listenToTrainings();
    }""")
    tell = "(detail) => api.dispatchEvent(new CustomEvent('anisora.training', { detail }))"
    for node in ("4:7", "12", "9"):
        page.evaluate(tell, message(node=node))
    shown = "[host.inner, host.outer].map((one) => one.root.dataset.phase)"
    assert page.evaluate(shown) == ["training", ""]
    assert page.evaluate("host.other.root === undefined")
    assert page.evaluate("[host.inner.size, host.other.size]") == [[440, 900], [210, 300]]
    url = page.evaluate("host.inner.root.querySelector('img').getAttribute('src')")
    assert (
        url == "/api/view?filename=step_000100.jpg&subfolder=anisora_training%2Fink%2Fsamples&type=output&v=1"
    )
    page.evaluate(
        "(message) => host.outer.onExecuted({ anisora_training: [message] })", message(phase="finished")
    )
    page.evaluate("host.outer.onExecuted(null)")
    assert page.evaluate(shown) == ["training", "finished"]
    page.evaluate("host.outer.onRemoved()")
