"""The motion painter under real mouse, pen, touch and keys in Chromium."""

from __future__ import annotations

import json
import re

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.areas import shapes_between

HTML = """<link rel="icon" href="data:,"><style>body { margin: 0; background: #202020 }</style>
<div id="box" style="width: 480px; height: 600px"><div id="root"></div></div>"""
START = """async ([keyframes, frames]) => {
  const { createPainter } = await import("/web/painter/view.js");
  const { wordsOf } = await import("/web/painter/text.js");
  window.model = await import("/web/painter/model.js");
  window.scene = { frames, fps: 12, fit: "crop", invert: false, keyframes, subject: null };
  window.changes = 0;
  window.painter = createPainter(document.getElementById("root"), {
    words: wordsOf("en"),
    scene: () => ({ ...scene }),
    changed: () => (window.changes += 1),
    setInvert: (on) => (scene.invert = on),
  });
}"""
# What is said about a mask: its values at points given in shares of the picture.
VALUES = """([index, frame, points]) => {
  const painting = painter.painting(), { width, height } = painting;
  const mask = model.shapeAt(painting, painting.areas[index], frame);
  return points.map(([x, y]) => mask[Math.floor(y * height) * width + Math.floor(x * width)]);
}"""
ROWS = """([index, frame]) => {
  const painting = painter.painting();
  return [painting.width, [...model.shapeAt(painting, painting.areas[index], frame)]];
}"""
SEEN = """(points) => {
  const canvas = document.querySelector("canvas");
  return points.map(([x, y]) => [...canvas.getContext("2d").getImageData(
    Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data]);
}"""
DRAWINGS = [
    {"frame": 0, "url": "/web/drawings/walk_first.png", "label": "first"},
    {"frame": 24, "url": "/web/drawings/story_3.png", "label": "middle"},
    {"frame": 48, "url": "/web/drawings/walk_last.png", "label": "last"},
]


class Painter:
    """Where things are on the page, in shares of the picture."""

    def __init__(self, page):
        self.page = page
        self.cdp = page.context.new_cdp_session(page)

    def at(self, x, y):
        box = self.page.locator(".sheet").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def drag(self, *points, button="left"):
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down(button=button)
        for point in points[1:]:
            self.page.mouse.move(*self.at(*point), steps=6)
        self.page.mouse.up(button=button)

    def pen(self, *points, force, **more):
        for kind, (x, y) in [
            ("mousePressed", points[0]),
            *(("mouseMoved", point) for point in points),
            ("mouseReleased", points[-1]),
        ]:
            left, top = self.at(x, y)
            event = {"type": kind, "x": left, "y": top, "button": "left", "buttons": 1, "clickCount": 1}
            self.cdp.send("Input.dispatchMouseEvent", {**event, "pointerType": "pen", "force": force, **more})

    def touch(self, *points):
        for kind, *rest in [
            ("touchStart", points[0]),
            *(("touchMove", point) for point in points),
            ("touchEnd",),
        ]:
            spots = [dict(zip("xy", self.at(*point), strict=True)) for point in rest]
            self.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    def values(self, *points, area=0, frame=0):
        return self.page.evaluate(VALUES, [area, frame, points])

    def rows(self, area=0, frame=0):
        width, values = self.page.evaluate(ROWS, [area, frame])
        return torch.tensor(values).view(-1, width) / 255.0

    def height(self, x, **where):
        """How many pixels of column x are painted."""
        rows = self.rows(**where)
        return int((rows[:, int(x * rows.shape[1])] > 0.5).sum())

    def seen(self, *points):
        return self.page.evaluate(SEEN, points)

    def do(self, name):
        self.page.locator(f"[data-do={name}]").first.click()

    def slide(self, name, value):
        self.page.locator(f"input[name={name}]").fill(str(value))

    def seek(self, frame):
        inner = self.page.locator(".track .inner").bounding_box()
        frames = self.page.evaluate("scene.frames")
        self.page.mouse.click(inner["x"] + inner["width"] * frame / (frames - 1), inner["y"] + 33)

    def areas(self):
        return self.page.evaluate(
            "painter.painting().areas.map(({ keys, ...rest }) => ({ ...rest, keys: keys.map((key) => key.frame) }))"
        )


@pytest.fixture
def open_page(page, site):
    page.route(f"{site}/page", lambda route: route.fulfill(content_type="text/html", body=HTML))
    page.goto(f"{site}/page")
    return page


@pytest.fixture
def painter(open_page):
    open_page.evaluate(START, [DRAWINGS, 49])
    open_page.wait_for_function("document.querySelector('.back').complete")
    made = Painter(open_page)
    made.slide("softness", 0)
    return made


def test_a_stroke_paints_there_and_only_there(painter):
    painter.drag((0.3, 0.5), (0.7, 0.5))
    inside, outside = [(0.3, 0.5), (0.5, 0.5), (0.7, 0.5)], [(0.5, 0.42), (0.5, 0.58), (0.2, 0.5), (0.8, 0.5)]
    assert painter.values(*inside) == [255] * 3
    assert painter.values(*outside) == [0] * 4
    assert all(color[3] > 100 for color in painter.seen(*inside))
    assert all(color[3] == 0 for color in painter.seen(*outside))
    assert painter.height(0.5) == 40  # the brush's size, in a picture 512 wide
    assert painter.page.evaluate("changes") == 1


def test_softness_makes_the_edge_soft(painter):
    painter.slide("softness", 100)
    painter.drag((0.3, 0.5), (0.7, 0.5))
    column = painter.rows()[:, 256]
    assert float(((column > 0.05) & (column < 0.95)).sum()) > 20
    assert column.max() > 0.95


@pytest.mark.parametrize("way", ["key", "right button"])
def test_the_eraser_takes_away(painter, way):
    painter.drag((0.3, 0.5), (0.7, 0.5))
    if way == "key":
        painter.page.keyboard.press("e")
    painter.drag((0.5, 0.4), (0.5, 0.6), button="right" if way == "right button" else "left")
    assert painter.values((0.3, 0.5), (0.5, 0.5), (0.7, 0.5), (0.5, 0.4)) == [255, 0, 255, 0]


def test_the_other_end_of_the_pen_erases(painter):
    painter.drag((0.3, 0.5), (0.7, 0.5))
    left, top = painter.at(0.5, 0.5)
    painter.page.evaluate(
        """([clientX, clientY]) => {
          const sheet = document.querySelector(".sheet");
          sheet.setPointerCapture = () => {}; // of a pointer that is not there
          const more = { bubbles: true, isPrimary: true, pointerType: "pen", pressure: 1, pointerId: 7, clientX, clientY };
          sheet.dispatchEvent(new PointerEvent("pointerdown", { ...more, button: 5, buttons: 32 }));
          sheet.dispatchEvent(new PointerEvent("pointerup", { ...more, button: 5, buttons: 0 }));
        }""",
        [left, top],
    )
    assert painter.values((0.3, 0.5), (0.5, 0.5)) == [255, 0]


def test_the_pressure_of_a_pen_changes_the_width(painter):
    painter.pen((0.2, 0.3), (0.8, 0.3), force=1.0)
    full = painter.height(0.5)
    painter.do("clear")
    painter.pen((0.2, 0.3), (0.8, 0.3), force=0.3)
    light = painter.height(0.5)
    assert full == 40
    assert 10 <= light <= 20


def test_a_finger_paints_with_the_whole_size(painter):
    painter.touch((0.3, 0.3), (0.5, 0.3), (0.7, 0.3))
    assert painter.height(0.5) == 40
    assert painter.page.evaluate("scrollY") == 0


def test_brackets_change_the_size_and_x_swaps(painter):
    for _ in range(4):
        painter.page.keyboard.press("]") if _ else painter.drag((0.1, 0.1), (0.12, 0.1))
    painter.drag((0.3, 0.5), (0.7, 0.5))
    assert painter.height(0.5) > 55
    painter.page.keyboard.press("x")
    painter.page.keyboard.press("[")
    painter.drag((0.5, 0.3), (0.5, 0.7))
    assert painter.values((0.35, 0.5), (0.5, 0.5)) == [255, 0]


def test_a_rectangle_is_exact_and_alt_takes_away(painter):
    painter.drag((0.1, 0.1), (0.12, 0.1))
    painter.do("clear")
    painter.page.keyboard.press("r")
    painter.drag((0.75, 0.5), (0.25, 0.25))
    rows = painter.rows()
    ys, xs = torch.nonzero(rows > 0.5, as_tuple=True)
    for value, expected in ((xs.min(), 128), (xs.max(), 383), (ys.min(), 128), (ys.max(), 255)):
        assert abs(int(value) - expected) <= 1
    assert len(xs) == (xs.max() - xs.min() + 1) * (ys.max() - ys.min() + 1)
    painter.page.keyboard.down("Alt")
    painter.drag((0.4, 0.2), (0.6, 0.6))
    painter.page.keyboard.up("Alt")
    assert painter.values((0.3, 0.4), (0.5, 0.4), (0.7, 0.4)) == [255, 0, 255]


def test_a_lasso_fills_what_it_surrounds(painter):
    painter.do("lasso")
    painter.drag((0.2, 0.2), (0.8, 0.2), (0.2, 0.8))
    assert painter.values((0.3, 0.3), (0.45, 0.45), (0.6, 0.6), (0.1, 0.3)) == [255, 255, 0, 0]


def test_fill_takes_the_inside_of_a_painted_outline(painter):
    painter.slide("size", 8)
    painter.drag((0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6), (0.3, 0.3))
    painter.page.keyboard.press("f")
    painter.drag((0.4, 0.4))
    rows = painter.rows()
    assert float(rows[154:307, 154:307].min()) == 1.0  # without a seam
    assert painter.values((0.25, 0.4), (0.65, 0.65)) == [0, 0]
    painter.page.keyboard.down("Alt")
    painter.drag((0.4, 0.4))
    painter.page.keyboard.up("Alt")
    assert float(painter.rows().max()) == 0.0


def test_fill_takes_a_patch_of_the_drawing_up_to_its_lines(painter):
    """The girl's dress: all of it, and neither her face nor the meadow."""
    painter.page.keyboard.press("f")
    painter.drag((0.43, 0.6))
    assert painter.values((0.43, 0.5), (0.4, 0.65), (0.47, 0.68)) == [255, 255, 255]
    assert painter.values((0.43, 0.35), (0.1, 0.5), (0.7, 0.6), (0.35, 0.65), (0.43, 0.8)) == [0] * 5


def test_undo_and_redo_by_key_and_none_of_the_hosts_shortcuts_fires(painter):
    painter.page.evaluate("window.heard = []; addEventListener('keydown', (event) => heard.push(event.key))")
    painter.drag((0.2, 0.2), (0.4, 0.2))
    painter.drag((0.6, 0.6), (0.8, 0.6))
    where = [(0.3, 0.2), (0.7, 0.6)]
    assert painter.values(*where) == [255, 255]
    keyboard = painter.page.keyboard
    keyboard.press("Control+z")
    assert painter.values(*where) == [255, 0]
    keyboard.press("Control+Shift+z")
    assert painter.values(*where) == [255, 255]
    keyboard.press("Control+z")
    keyboard.press("Control+z")
    assert painter.values(*where) == [0, 0]
    keyboard.press("Control+y")
    assert painter.values(*where) == [255, 0]
    keyboard.press("Delete")
    keyboard.press("m")
    # ComfyUI's own undo listens while the event comes down; it leaves inputs alone.
    assert painter.page.evaluate("document.activeElement.tagName") == "INPUT"
    assert painter.page.evaluate("heard.filter((key) => !['Control', 'Shift'].includes(key))") == []


def test_escape_drops_the_stroke_that_is_drawn(painter):
    painter.page.mouse.move(*painter.at(0.3, 0.5))
    painter.page.mouse.down()
    painter.page.mouse.move(*painter.at(0.7, 0.5), steps=4)
    assert painter.seen((0.5, 0.5))[0][3] > 0
    painter.page.keyboard.press("Escape")
    painter.page.mouse.up()
    assert painter.seen((0.5, 0.5))[0][3] == 0
    assert painter.values((0.5, 0.5)) == [0]


def test_undo_waits_for_the_stroke_that_is_drawn(painter):
    painter.drag((0.3, 0.2), (0.7, 0.2))
    painter.page.mouse.move(*painter.at(0.3, 0.5))
    painter.page.mouse.down()
    painter.page.mouse.move(*painter.at(0.7, 0.5), steps=4)
    painter.page.keyboard.press("Control+z")
    painter.page.mouse.up()
    assert painter.values((0.5, 0.2), (0.5, 0.5)) == [255, 255]


def test_a_new_stroke_ends_what_was_undone(painter):
    painter.drag((0.2, 0.2), (0.4, 0.2))
    painter.do("undo")
    painter.drag((0.6, 0.6), (0.8, 0.6))
    assert painter.page.locator("[data-do=redo]").is_disabled()


def test_areas_are_painted_named_and_deleted_one_by_one(painter):
    painter.drag((0.2, 0.2), (0.4, 0.2))
    painter.do("add")
    painter.drag((0.6, 0.6), (0.8, 0.6))
    assert painter.values((0.3, 0.2), (0.7, 0.6), area=0) == [255, 0]
    assert painter.values((0.3, 0.2), (0.7, 0.6), area=1) == [0, 255]
    first, second = painter.seen((0.3, 0.2), (0.7, 0.6))
    assert first[:3] != second[:3]
    painter.page.locator(".area .name").first.dblclick()
    painter.page.keyboard.type("hair x")  # letters are letters here, not tools
    painter.page.keyboard.press("Enter")
    assert [area["name"] for area in painter.areas()] == ["hair x", "Area 2"]
    painter.drag((0.5, 0.9), (0.6, 0.9))
    assert painter.values((0.55, 0.9), area=0) == [255]
    painter.page.locator(".area .remove").first.click()
    assert [area["name"] for area in painter.areas()] == ["Area 2"]
    painter.page.keyboard.press("Control+z")
    assert [area["name"] for area in painter.areas()] == ["hair x", "Area 2"]


def test_an_area_that_stays_still_is_said_to_and_looks_so(painter):
    painter.page.keyboard.press("r")
    painter.drag((0.2, 0.2), (0.8, 0.8))
    plain = {tuple(color) for color in painter.seen(*[(0.4 + step / 100, 0.5) for step in range(10)])}
    painter.page.locator(".area .dot").click()
    hatched = {tuple(color) for color in painter.seen(*[(0.4 + step / 100, 0.5) for step in range(10)])}
    assert painter.areas()[0]["still"]
    assert (len(plain), len(hatched)) == (1, 2)


def test_one_shape_holds_for_the_clip_and_a_second_makes_it_travel(painter):
    painter.page.keyboard.press("r")
    painter.drag((0.1, 0.4), (0.2, 0.5))
    painter.seek(40)
    painter.drag((0.2, 0.4), (0.3, 0.5))  # at another frame it is still the one shape
    assert painter.areas()[0]["keys"] == [0]
    assert painter.values((0.15, 0.45), (0.25, 0.45), frame=48) == [255, 255]
    painter.do("addShape")
    painter.do("clear")
    painter.drag((0.7, 0.4), (0.9, 0.5))
    assert painter.areas()[0]["keys"] == [0, 40]
    assert painter.values((0.15, 0.45), (0.8, 0.45), frame=0) == [255, 0]
    assert painter.values((0.15, 0.45), (0.8, 0.45), frame=48) == [0, 255]
    painter.seek(20)
    assert painter.seen((0.5, 0.45))[0][3] > 100  # half-way, in the middle
    assert [color[3] for color in painter.seen((0.15, 0.45), (0.8, 0.45))] == [0, 0]
    painter.drag((0.45, 0.8), (0.55, 0.9))  # between two shapes a stroke adds one
    assert painter.areas()[0]["keys"] == [0, 20, 40]
    assert painter.values((0.5, 0.45), (0.5, 0.85), frame=20) == [255, 255]
    painter.do("removeShape")
    assert painter.areas()[0]["keys"] == [0, 40]
    painter.do("copyShape")
    assert painter.values((0.15, 0.45), (0.5, 0.45), frame=20) == [255, 0]


def test_what_is_shown_between_two_shapes_is_what_the_node_makes(painter):
    painter.slide("size", 80)
    painter.drag((0.2, 0.3), (0.3, 0.5), (0.25, 0.7))
    painter.seek(48)
    painter.do("addShape")
    painter.do("clear")
    painter.drag((0.8, 0.3), (0.5, 0.8))
    expected = shapes_between(painter.rows(frame=0), painter.rows(frame=48), 47)
    for frame in (12, 24, 36):
        ours, theirs = painter.rows(frame=frame) > 0.5, expected[frame - 1] > 0.5
        assert float((ours & theirs).sum() / (ours | theirs).sum()) > 0.97


def test_the_eraser_cuts_out_of_the_subject(painter):
    """Which is no area: what is taken from it becomes one that stays still."""
    half = "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><rect width='32' height='64' fill='white'/></svg>"
    painter.page.evaluate(
        "(url) => { scene.subject = url; painter.refresh(); }", f"data:image/svg+xml,{half}"
    )
    painter.page.wait_for_function(f"({SEEN})([[0.25, 0.5]])[0][3] > 40")
    painter.page.keyboard.press("e")
    painter.drag((0.7, 0.5), (0.9, 0.5))
    assert len(painter.areas()) == 1
    painter.do("eraser")
    painter.drag((0.1, 0.5), (0.4, 0.5))
    painter.drag((0.1, 0.7), (0.4, 0.7))
    assert [(area["name"], area["still"]) for area in painter.areas()] == [
        ("Area 1", False),
        ("Cut out", True),
    ]
    assert painter.values((0.2, 0.5), (0.2, 0.7), (0.2, 0.6), area=1) == [255, 255, 0]


def test_invert_shows_that_the_rest_moves(painter):
    painter.page.keyboard.press("r")
    painter.drag((0.2, 0.2), (0.6, 0.6))
    painter.do("invert")
    assert painter.page.evaluate("scene.invert")
    inside, outside = painter.seen((0.4, 0.4), (0.8, 0.8))
    assert inside[3] == 0
    assert outside[3] > 100
    assert painter.page.locator("[data-do=invert]").get_attribute("aria-pressed") == "true"


def test_the_keyframe_in_force_lies_behind_and_its_neighbours_shine_through(painter):
    def shown():
        script = "['.back', '.before', '.after'].map((name) => document.querySelector(name)).map((one) => one.hidden ? '' : one.src.split('/').pop())"
        return painter.page.evaluate(script)

    assert shown() == ["walk_first.png", "", ""]
    painter.seek(30)
    assert shown() == ["story_3.png", "", ""]
    painter.do("onion")
    assert shown() == ["story_3.png", "walk_first.png", "walk_last.png"]
    painter.page.locator(".backdrop").select_option("48")
    assert shown() == ["walk_last.png", "story_3.png", ""]


def test_a_stroke_lands_under_the_pointer_where_the_graph_is_zoomed(painter):
    painter.page.evaluate(
        "document.getElementById('box').style.cssText += '; transform: scale(0.6) translate(40px, 30px)'"
    )
    painter.drag((0.3, 0.5), (0.7, 0.5))
    assert painter.values((0.3, 0.5), (0.7, 0.5), (0.5, 0.56), (0.5, 0.44)) == [255, 255, 0, 0]
    assert abs(painter.height(0.5) - 40) <= 1


def test_a_drawing_of_another_shape_gives_the_painting_its_shape(open_page):
    wide = "data:image/svg+xml," + "<svg xmlns='http://www.w3.org/2000/svg' width='800' height='450'/>"
    open_page.evaluate(START, [[{"frame": 0, "url": wide, "label": ""}], 9])
    open_page.wait_for_function("painter.painting().height === 288")
    box = open_page.locator(".sheet").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(16 / 9, rel=0.01)


def test_a_painting_without_pictures_says_what_to_do(open_page):
    open_page.evaluate(START, [[], 9])
    assert open_page.locator(".empty").is_visible()
    Painter(open_page).drag((0.3, 0.5), (0.7, 0.5))
    assert len(Painter(open_page).areas()) == 1


def test_it_speaks_three_languages_alike(open_page):
    names = open_page.evaluate(
        """async () => {
          const { wordsOf } = await import("/web/painter/text.js");
          return ["en", "zh-TW", "ja", "fr"].map((locale) => [wordsOf(locale).area(1), Object.keys(wordsOf(locale)).join()]);
        }"""
    )
    assert [name for name, _ in names] == ["Area 1", "区域 1", "範囲 1", "Area 1"]
    assert len({keys for _, keys in names}) == 1


# ---- the widget: what is stored

NODE = """async () => {
  const { painterWidget } = await import("/web/painter/widget.js");
  window.model = await import("/web/painter/model.js");
  window.told = 0;
  const app = {
    ui: { settings: { getSettingValue: () => "en" } },
    canvas: { emitBeforeChange: () => {}, emitAfterChange: () => (told += 1) },
  };
  window.makeWidget = (saved) => {
    const root = document.getElementById("box");
    root.replaceChildren();
    window.invert = { name: "invert", value: false };
    window.node = {
      inputs: [], widgets: [invert],
      addDOMWidget: (name, type, element, options) => (root.append(element), (window.options = options), { name, type, options }),
    };
    window.made = painterWidget.create(node, "painting", ["STRING", { releases: { mini: { num_frames: 33, fps: 12 } } }], app).widget;
    if (saved !== undefined) options.setValue(saved);
  };
  makeWidget();
}"""


class Storage:
    """Stands in for the host's input folder."""

    def __init__(self, page, site):
        self.files, self.uploads, self.is_down = {}, [], False
        script = {"content_type": "text/javascript"}
        page.route(
            f"{site}/scripts/app.js", lambda route: route.fulfill(body="export const app = {};", **script)
        )
        api = 'export const api = { apiURL: (path) => "/api" + path, fetchApi: (path, rest) => fetch("/api" + path, rest) };'
        page.route(f"{site}/scripts/api.js", lambda route: route.fulfill(body=api, **script))
        page.route(f"{site}/api/upload/image", self.take)
        page.route(re.compile(f"{site}/api/view.*"), self.give)

    def take(self, route):
        if self.is_down:
            return route.fulfill(status=200, body="gone")
        body = route.request.post_data_buffer
        name = re.search(rb'filename="([^"]+)"', body)[1].decode()
        folder = re.search(rb'name="subfolder"\r\n\r\n([^\r]*)', body)[1].decode()
        start = body.index(b"\x89PNG")
        self.files[f"{folder}/{name}"] = body[start : body.index(b"IEND", start) + 8]
        self.uploads.append(name)
        return route.fulfill(json={"name": name, "subfolder": folder, "type": "input"})

    def give(self, route):
        query = dict(re.findall(r"(\w+)=([^&]*)", route.request.url))
        file = self.files.get(f"{query['subfolder']}/{query['filename']}")
        if file is None:  # a picture that cannot be read, as a 404 would be an error in the console
            return route.fulfill(body="gone", content_type="image/png")
        return route.fulfill(body=file, content_type="image/png")


@pytest.fixture
def storage(open_page, site):
    made = Storage(open_page, site)
    open_page.evaluate(NODE)
    return made


def test_a_painting_is_stored_once_under_a_name_made_of_its_content(open_page, storage):
    painter = Painter(open_page)
    assert open_page.evaluate("made.serializeValue()") == ""
    painter.drag((0.3, 0.5), (0.7, 0.5))
    text = open_page.evaluate("made.serializeValue()")
    (area,) = json.loads(text)["areas"]
    assert area["name"] == "Area 1"
    assert re.fullmatch(r"anisora/mask_[0-9a-f]{16}\.png \[input\]", area["keys"][0]["mask"])
    assert open_page.evaluate("options.getValue()") == open_page.evaluate("made.serializeValue()") == text
    assert len(storage.uploads) == 1
    open_page.evaluate("makeWidget()")  # another node, the same strokes
    painter.drag((0.3, 0.5), (0.7, 0.5))
    assert open_page.evaluate("made.serializeValue()") == text
    painter.drag((0.3, 0.7), (0.7, 0.7))
    assert open_page.evaluate("made.serializeValue()") != text
    painter.page.keyboard.press("Control+z")
    uploads = len(storage.uploads)
    assert open_page.evaluate("made.serializeValue()") == text
    assert len(storage.uploads) == uploads


def test_a_stored_painting_comes_back_and_is_not_stored_again(open_page, storage):
    painter = Painter(open_page)
    painter.drag((0.3, 0.5), (0.7, 0.5))
    painter.do("add")
    painter.page.locator(".area .dot").nth(1).click()
    painter.drag((0.3, 0.8), (0.7, 0.8))
    text = open_page.evaluate("made.serializeValue()")
    before = len(storage.uploads)
    open_page.evaluate("(text) => makeWidget(text)", text)
    open_page.wait_for_function("document.querySelectorAll('.area').length === 2")
    assert open_page.locator(".area").nth(1).get_attribute("class") == "area still"
    assert open_page.evaluate("made.serializeValue()") == text
    assert [color[3] > 90 for color in painter.seen((0.5, 0.5), (0.5, 0.8), (0.5, 0.65))] == [
        True,
        True,
        False,
    ]
    painter.do("invert")
    assert open_page.evaluate("invert.value")
    open_page.locator(".area .name").first.click()
    painter.drag((0.3, 0.2), (0.7, 0.2))
    painter.do("undo")
    assert open_page.evaluate("made.serializeValue()") == text
    assert len(storage.uploads) - before <= 1  # the stroke that was undone
    painter.drag((0.3, 0.2), (0.7, 0.2))
    again = json.loads(open_page.evaluate("made.serializeValue()"))
    kept = json.loads(text)
    assert again["areas"][1] == kept["areas"][1]
    assert again["areas"][0]["keys"] != kept["areas"][0]["keys"]


def test_a_painting_is_stored_soon_after_a_stroke_so_that_saving_the_workflow_has_it(open_page, storage):
    Painter(open_page).drag((0.3, 0.5), (0.7, 0.5))
    open_page.wait_for_function("options.getValue() !== ''", timeout=3000)
    assert len(storage.files) == 1
    assert open_page.evaluate("told") == 1  # the host, that there is something new to keep


def test_a_mask_that_is_missing_is_said_and_keeps_its_name(open_page, storage):
    painter = Painter(open_page)
    painter.drag((0.3, 0.5), (0.7, 0.5))
    painter.do("add")
    painter.drag((0.3, 0.8), (0.7, 0.8))
    text = open_page.evaluate("made.serializeValue()")
    storage.files.pop(json.loads(text)["areas"][0]["keys"][0]["mask"].removesuffix(" [input]"))
    open_page.evaluate("(text) => makeWidget(text)", text)
    open_page.wait_for_function("document.querySelector('.hint.warning')")
    assert "not found" in open_page.locator(".hint").inner_text()
    open_page.locator(".area .name").nth(1).click()
    painter.drag((0.3, 0.2), (0.7, 0.2))
    after = json.loads(open_page.evaluate("made.serializeValue()"))
    assert after["areas"][0] == json.loads(text)["areas"][0]
    assert after["areas"][1]["keys"] != json.loads(text)["areas"][1]["keys"]


def test_text_that_is_no_painting_is_said_and_kept(open_page, storage):
    open_page.evaluate("options.setValue('not json')")
    open_page.wait_for_function("document.querySelector('.hint.warning')")
    assert open_page.evaluate("made.serializeValue()") == "not json"
    assert storage.uploads == []


def test_a_painting_that_cannot_be_stored_does_not_run_as_the_old_one(open_page, storage):
    storage.is_down = True
    Painter(open_page).drag((0.3, 0.5), (0.7, 0.5))
    said = open_page.evaluate("made.serializeValue().then(() => 'stored', (error) => 'refused')")
    assert said == "refused"
    storage.is_down = False
    assert json.loads(open_page.evaluate("made.serializeValue()"))["areas"][0]["keys"]


def test_pictures_and_subject_that_only_a_run_knows_are_shown_after_it(open_page, storage):
    wide = (
        "data:image/svg+xml,"
        + "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='32'><rect width='32' height='32' fill='white'/></svg>"
    )
    open_page.evaluate(
        """(url) => {
          const links = { 1: { origin_id: "1", origin_slot: 0 }, 2: { origin_id: "2", origin_slot: 0 }, 3: { origin_id: "3", origin_slot: 0 } };
          const nodes = {
            1: { type: "AniSoraTimeline", inputs: [{ name: "keyframes", link: 2 }], widgets: [{ name: "length", value: 0 }] },
            2: { type: "AniSoraKeyframe", inputs: [{ name: "image", link: 3 }], widgets: [{ name: "position", value: "last" }] },
            3: { type: "SomeFilter", title: "filter" },
          };
          const graph = { links, getNodeById: (id) => nodes[id] };
          for (const one of [node, ...Object.values(nodes)]) Object.assign(one, { graph });
          node.inputs.push({ name: "timeline", link: 1 }, { name: "subject", link: 4 });
          node.widgets.push({ name: "use_subject", value: true });
          window.run = () => node.onExecuted({ anisora_scene: [{ frames: 21, fps: 12, keyframes: [{ frame: 20, url }], subject: url }] });
          window.shorten = () => (nodes[1].widgets[0].value = 17); // by hand, which no event tells
        }""",
        wide,
    )
    open_page.wait_for_function(
        "document.querySelector('.hint').innerText.includes('appears here after a run')"
    )
    open_page.evaluate("run()")
    open_page.wait_for_function("document.querySelector('.hint').innerText === ''")
    open_page.wait_for_function("document.querySelector('.back').src.startsWith('data:')")
    open_page.wait_for_function(f"({SEEN})([[0.25, 0.5]])[0][3] > 40")
    assert Painter(open_page).seen((0.75, 0.5))[0][3] == 0
    assert open_page.locator(".readout").inner_text() == "0 / 20"
    open_page.evaluate("shorten()")
    open_page.wait_for_function("document.querySelector('.readout').innerText === '0 / 16'")
