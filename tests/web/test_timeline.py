"""The keyframe strip under a real mouse and keyboard, in a plain page; its rules against the core's."""

from __future__ import annotations

import json
import math
from urllib.parse import quote

import pytest
from comfyui_anisora.anisora_core.conditioning.timeline import parse_position, snap_to_grid
from comfyui_anisora.anisora_core.domain.grid import LatentGrid
from comfyui_anisora.nodes.keyframe_timeline import WIDGET_RELEASES, parse_timeline_json

TWO = {
    "keyframes": [
        {"image": "d1.png", "position": "first"},
        {"image": "d2.png", "position": "50%", "strength": 0.5, "later": [1]},
    ]
}


@pytest.fixture
def strip(page, site):
    """Opens the strip of a release with a value; `settings` go to the page (linked, locale)."""

    def open_strip(release: str = "V3.1", value: dict | None = None, **settings):
        settings |= {"release": release, "releases": WIDGET_RELEASES}
        page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        page.goto(f"{site}/tests/web/timeline.html#{quote(json.dumps(settings))}")
        page.wait_for_function("window.strip")
        page.evaluate("text => { strip.value = text }", json.dumps(value) if value else "")
        return page

    return open_strip


def value(page) -> dict:
    """What the node gets; it must read it."""
    text = page.evaluate("strip.value")
    parse_timeline_json(text)
    return json.loads(text) if text else {"keyframes": [], "prompts": []}


def positions(page) -> list[str]:
    return [row["position"] for row in value(page)["keyframes"]]


def place_of(page, frame: float, row: str = ".cards") -> tuple[float, float]:
    """Where on the screen the middle of a frame is."""
    box = page.locator(row).bounding_box()
    left = page.locator(".track").bounding_box()["x"]
    return left + page.evaluate(f"strip.view.x({frame + 0.5})"), box["y"] + box["height"] / 2


def drag(page, start: tuple[float, float], end: tuple[float, float], release: bool = True) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, start[1])
    page.mouse.move(*end)
    if release:
        page.mouse.up()


def drop(page, names: list[str], frame: float) -> None:
    x, y = place_of(page, frame)
    page.evaluate(
        """async ({ names, x, y }) => {
          const canvas = new OffscreenCanvas(8, 8);
          canvas.getContext("2d").fillRect(0, 0, 8, 8);
          const blob = await canvas.convertToBlob();
          const dataTransfer = new DataTransfer();
          for (const name of names) dataTransfer.items.add(new File([blob], name, { type: "image/png" }));
          const target = document.querySelector(".cards");
          for (const type of ["dragover", "drop"]) {
            target.dispatchEvent(new DragEvent(type, { dataTransfer, clientX: x, clientY: y, bubbles: true, cancelable: true }));
          }
        }""",
        {"names": names, "x": x, "y": y},
    )
    page.wait_for_function("!strip.note")


# --- rules ------------------------------------------------------------------------------------------------------------


def test_positions_mean_what_the_core_says(strip):
    page = strip()
    words = [
        "first",
        " LAST ",
        "12",
        "+7",
        "-1",
        "1_2",
        "1.5",
        "",
        "s",
        "%",
        "nan%",
        "infs",
        "1e1s",
        ".5s",
        "0x4",
        "middle",
    ]
    words += [f"{n}%" for n in (0, 0.5, 10, 12.5, 33.3, 50, 99.9, 100, 100.1, 250)]
    words += [f"{n / 32}s" for n in range(180)]
    cases = [
        [word, frames, fps]
        for word in words
        for frames in (1, 5, 33, 81, 129)
        for fps in (12.0, 16.0, 23.976)
    ]

    def ours(word: str, frames: int, fps: float) -> int | None:
        try:
            return parse_position(word, frames, fps)
        except ValueError:
            return None

    theirs = page.evaluate("cases => cases.map((one) => grid.parsePosition(...one))", cases)
    assert theirs == [ours(*case) for case in cases]


def test_snapping_is_the_cores(strip):
    page = strip()
    cases = [
        [frame, frames, multiple]
        for frames in (1, 5, 33, 49, 81, 85)
        for frame in range(frames)
        for multiple in (1, 3, 4, 8, None)
    ]
    assert page.evaluate("cases => cases.map((one) => grid.snapToGrid(...one))", cases) == [
        snap_to_grid(*c) for c in cases
    ]
    legal = page.evaluate(
        "[grid.legalFrames(33, 8), grid.legalFrames(85, 8).at(-1), grid.legalFrames(81, null)]"
    )
    assert legal == [[0, 8, 16, 24, 32], 80, [0]]
    lengths = [[length, runs] for length in range(1, 200) for runs in (1, 2)]
    ours = [LatentGrid(latents_per_run=runs).nearest_length(length) for length, runs in lengths]
    assert page.evaluate("c => c.map(([length, runs]) => grid.snapLength(length, 4 * runs))", lengths) == ours


# --- value ------------------------------------------------------------------------------------------------------------


def test_a_value_comes_back_as_it_was(strip):
    page = strip()
    odd = '{"keyframes":[{"position":"50%","image":"a.png"}] , "by": "a script"}'
    wrong = ["{broken", "null", '{"version": 9, "keyframes": []}', '{"keyframes": [], "prompts": [null]}']
    for text in ("", odd, *wrong):
        page.evaluate("text => { strip.value = text }", text)
        assert page.evaluate("strip.value") == text
        assert (text in wrong) == ("cannot be read" in page.locator(".status").text_content())


def test_an_edit_keeps_what_it_does_not_know(strip):
    page = strip(value={**TWO, "by": "a script"})
    page.mouse.click(*place_of(page, 40))
    page.keyboard.press("ArrowRight")
    assert value(page) == {
        "version": 1,
        "by": "a script",
        "keyframes": [TWO["keyframes"][0], {**TWO["keyframes"][1], "position": "48"}],
        "prompts": [],
    }


def test_an_emptied_strip_is_an_empty_value(strip):
    page = strip(value={"keyframes": [{"image": "d1.png", "position": "40"}]})
    page.mouse.click(*place_of(page, 40))
    page.keyboard.press("Delete")
    assert page.evaluate("strip.value") == ""


# --- drawings ---------------------------------------------------------------------------------------------------------


def test_a_dropped_drawing_snaps_to_the_legal_grid(strip):
    page = strip("V3.1")
    drop(page, ["a.png"], 29)
    assert value(page)["keyframes"] == [{"image": "anisora/a.png [input]", "position": "32", "strength": 1}]


def test_several_drawings_spread_over_an_empty_clip(strip):
    page = strip("V3.1")
    drop(page, ["s10.png", "s9.png", "s1.png"], 3)
    assert [(row["image"], row["position"]) for row in value(page)["keyframes"]] == [
        ("anisora/s1.png [input]", "first"),
        ("anisora/s9.png [input]", "40"),
        ("anisora/s10.png [input]", "last"),
    ]


def test_a_drawing_dropped_on_another_takes_the_next_free_frame(strip):
    page = strip("V3.1", TWO)
    drop(page, ["a.png"], 40)
    assert positions(page) == ["first", "50%", "48"]


def test_a_release_with_one_place_shows_the_new_drawing_there(strip):
    page = strip("V2", {"keyframes": [{"image": "d1.png", "position": "first"}]})
    drop(page, ["a.png"], 50)
    assert [(row["image"], row["position"]) for row in value(page)["keyframes"]] == [
        ("anisora/a.png [input]", "first")
    ]


def test_drawings_come_from_the_input_folder_and_the_disk(strip, tmp_path):
    page = strip("V3.1", TWO)
    page.get_by_role("button", name="Add drawings").click()
    page.get_by_role("button", name="two.png").click()
    page.get_by_role("button", name="one.png").click()
    page.get_by_role("button", name="Place 2").click()
    assert [row["image"] for row in value(page)["keyframes"]][2:] == ["two.png [input]", "one.png [input]"]
    assert positions(page)[2:] == ["8", "16"]
    page.get_by_role("button", name="Add drawings").click()
    (tmp_path / "mine.png").write_bytes(b"\x89PNG")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="From disk").click()
    chooser.value.set_files(tmp_path / "mine.png")
    page.wait_for_function("strip.value.includes('mine.png')")


def test_a_node_chosen_in_the_picker_is_linked_and_not_copied(strip):
    page = strip("V3.1")
    page.get_by_role("button", name="Add drawings").click()
    page.get_by_role("button", name="wave").dblclick()
    assert page.evaluate("calls") == [["link", "7", "first"]]
    assert page.evaluate("strip.value") == ""


# --- moving -----------------------------------------------------------------------------------------------------------


def test_a_dragged_keyframe_lands_on_multiples_of_eight(strip):
    page = strip("V3.1", TWO)
    drag(page, place_of(page, 40), place_of(page, 59), release=False)
    assert page.evaluate("strip.target") == 56  # the ghost mark that lights up
    assert page.locator(".key.dragged .at").text_content() == "56"
    page.mouse.up()
    assert positions(page) == ["first", "56"]
    drag(page, place_of(page, 56), place_of(page, 95))
    assert positions(page) == ["first", "last"]


def test_halves_go_where_the_core_puts_them(strip):
    page = strip("V3.1", {"keyframes": [{"image": "d1.png", "position": "40"}]})
    drag(page, place_of(page, 40), place_of(page, 20))
    assert positions(page) == ["16"]  # 20 / 8 = 2.5, Python rounds it to 2
    drag(page, place_of(page, 16), place_of(page, 0))
    assert positions(page) == ["first"]


def test_v2_takes_only_the_first_frame(strip):
    page = strip("V2", {"keyframes": [{"image": "d1.png", "position": "first"}]})
    drag(page, place_of(page, 1), place_of(page, 50))
    assert positions(page) == ["first"]
    assert page.evaluate("strip.legal") == [0]


def test_a_click_or_a_drag_back_leaves_a_position_as_it_was_written(strip):
    page = strip("V3.1", TWO)
    page.mouse.click(*place_of(page, 40))
    drag(page, place_of(page, 40), place_of(page, 60), release=False)
    page.mouse.move(*place_of(page, 41))
    page.mouse.up()
    assert positions(page) == ["first", "50%"]
    assert page.evaluate("strip.history.past.length") == 0


def test_a_keyframe_passes_over_one_that_is_in_its_way(strip):
    page = strip("V3.1", TWO)
    drag(page, place_of(page, 2), place_of(page, 40), release=False)
    assert positions(page)[0] != "40"
    page.mouse.move(*place_of(page, 49))
    page.mouse.up()
    assert positions(page) == ["48", "50%"]


def test_escape_takes_a_drag_back(strip):
    page = strip("V3.1", TWO)
    drag(page, place_of(page, 40), place_of(page, 64), release=False)
    assert positions(page)[1] == "64"
    page.keyboard.press("Escape")
    page.mouse.up()
    assert positions(page)[1] == "50%"


def test_a_position_off_the_grid_shows_where_it_will_go(strip):
    page = strip("V3.1", {"keyframes": [{"image": "d1.png", "position": "13"}]})
    assert page.locator(".key .at").text_content() == "13 → 16"
    assert positions(page) == ["13"]


def test_a_damaged_picture_is_said_to_be_unreadable_and_a_lost_one_to_be_lost(strip):
    page = strip("V3.1")
    page.route(
        "**/torn.png", lambda route: route.fulfill(content_type="image/png", body=b"\x89PNG and no more")
    )
    status = page.get_by_role("status")
    page.evaluate(
        """pictures["torn.png"] = "/torn.png"; strip.value = '{"keyframes": [{"image": "torn.png", "position": "8"}]}'"""
    )
    page.wait_for_function("strip.note || strip.problem()")
    assert status.text_content() == "torn.png cannot be read as a picture; it may be damaged"
    page.evaluate(
        """fetch = async () => new Response("", { status: 404 });
        pictures["gone.png"] = "data:,"; strip.value = '{"keyframes": [{"image": "gone.png", "position": "8"}]}'"""
    )
    page.wait_for_function("strip.problem().startsWith('gone')")
    assert status.text_content() == "gone.png is not in the input folder"


def test_what_would_stop_the_node_is_said(strip):
    page = strip("V3.1", {"keyframes": [{"image": "d1.png", "position": "99"}]})
    assert "not a position in this clip" in page.get_by_role("status").text_content()
    page.evaluate(
        """strip.value = '{"keyframes": [{"image": "d1.png", "position": "8"}, {"image": "d2.png", "position": "9"}]}'"""
    )
    assert page.get_by_role("status").text_content() == "Two keyframes on frame 8; move one"
    assert page.locator(".key.wrong").count() == 2


# --- keyboard ---------------------------------------------------------------------------------------------------------


def test_the_keyboard_moves_selects_and_removes(strip):
    page = strip("V3.1", TWO)
    page.mouse.click(*place_of(page, 40))
    page.keyboard.press("ArrowLeft")
    assert positions(page)[1] == "32"
    page.keyboard.press("Shift+ArrowRight")
    assert positions(page)[1] == "72"
    page.keyboard.press("End")
    assert positions(page)[1] == "last"
    page.keyboard.press("Home")
    assert positions(page)[1] == "8"  # the first frame is taken
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Delete")
    assert [row["image"] for row in value(page)["keyframes"]] == ["d2.png"]


def test_undo_and_redo_go_through_every_kind_of_edit(strip):
    page = strip("V3.1", TWO)
    states = [page.evaluate("strip.value")]
    page.mouse.click(*place_of(page, 40))
    page.keyboard.press("ArrowLeft")
    states.append(page.evaluate("strip.value"))
    drag(page, place_of(page, 32), place_of(page, 64))
    states.append(page.evaluate("strip.value"))
    page.keyboard.press("Delete")
    states.append(page.evaluate("strip.value"))
    assert len(set(states)) == 4
    for state in states[-2::-1]:
        page.keyboard.press("Control+z")
        assert page.evaluate("strip.value") == state
    for press, state in zip(("Control+Shift+z", "Control+y", "Control+y"), states[1:], strict=True):
        page.keyboard.press(press)
        assert page.evaluate("strip.value") == state


def test_keys_do_not_reach_the_hosts_shortcuts(strip):
    page = strip("V3.1", TWO)
    page.evaluate("""window.leaked = []; addEventListener("keydown", (event) => leaked.push(event.key))""")
    page.mouse.click(*place_of(page, 40))
    for press in ("ArrowLeft", "Delete", "Control+z", "Backspace", "r", " ", " "):
        page.keyboard.press(press)
    page.locator("input[type=number]").first.click()
    page.keyboard.press("Backspace")
    assert set(page.evaluate("leaked")) <= {"Control"}
    page.keyboard.press("Control+Enter")  # runs the workflow
    assert "Enter" in page.evaluate("leaked")
    assert (
        page.evaluate("document.querySelector('.anisora-strip').type") == "textarea"
    )  # the host's undo looks at it


def test_the_host_hears_the_mouse_go_up_after_a_drag(strip):
    """It takes the workflow's state for its own undo then; preventDefault on pointerdown would keep it from it."""
    page = strip("V3.1", TWO)
    page.evaluate("""window.ups = []; addEventListener("mouseup", () => ups.push(strip.value)); null""")
    drag(page, place_of(page, 40), place_of(page, 59))
    assert len(page.evaluate("ups")) == 1
    assert page.evaluate("document.activeElement === strip.root")


# --- strength, length, fps --------------------------------------------------------------------------------------------


def test_strength_is_one_edit_per_pull(strip):
    page = strip("mini", TWO)
    page.mouse.click(*place_of(page, 16))
    box = page.get_by_label("Strength").bounding_box()
    y = box["y"] + box["height"] / 2
    drag(page, (box["x"] + box["width"] * 0.47, y), (box["x"] + box["width"] - 1, y))
    assert value(page)["keyframes"][1]["strength"] == 1
    page.get_by_role("button", name="Undo").click()
    assert value(page)["keyframes"][1]["strength"] == 0.5
    assert page.evaluate("strip.history.past.length") == 0


def test_enter_ends_a_prompt_and_shift_enter_makes_a_line(strip):
    page = strip("V3.1")
    page.mouse.dblclick(*place_of(page, 20, ".lanes"))
    page.keyboard.type("she waves")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("twice")
    page.keyboard.press("Enter")
    assert [one["text"] for one in value(page)["prompts"]] == ["she waves\ntwice"]
    assert page.evaluate("document.activeElement === strip.root")


def test_the_same_frames_get_no_second_prompt(strip):
    """Beside two prompts that overlap, a new one may come into another row than the one that was clicked."""
    prompts = [{"start": 0, "end": 30, "text": "a"}, {"start": 10, "end": 20, "text": "b"}]
    page = strip("V3.1", {"keyframes": [], "prompts": prompts})
    x, _ = place_of(page, 40)
    row = page.locator(".lanes").bounding_box()
    for _ in range(2):
        page.mouse.dblclick(x, row["y"] + row["height"] - 6)
        page.wait_for_timeout(600)
    assert [(one["start"], one["end"]) for one in value(page)["prompts"]] == [(0, 30), (10, 20), (40, 81)]
    assert page.evaluate("strip.chosen") == "prompt:2"


def test_a_typed_position_is_kept_in_its_own_words(strip):
    page = strip("V3.1", TWO)
    page.mouse.click(*place_of(page, 40))
    page.get_by_label("Position").fill("1.5s")
    page.keyboard.press("Enter")
    assert positions(page)[1] == "1.5s"
    assert page.locator(".key.chosen .at").text_content() == "24"


@pytest.mark.parametrize(
    ("release", "typed", "length"), [("V3.1", "80", 81), ("V1", "50", 49), ("V1", "54", 57)]
)
def test_length_snaps_and_says_so(strip, release, typed, length):
    page = strip(release, TWO)
    field = page.get_by_label("Length in frames")
    assert field.input_value() == ""
    assert field.get_attribute("placeholder") == str(WIDGET_RELEASES[release]["num_frames"])
    field.fill(typed)
    page.keyboard.press("Enter")
    assert page.evaluate("node.length") == length
    assert f"Length {typed} → {length}" in page.get_by_role("status").text_content()
    assert field.input_value() == str(length)
    page.keyboard.press("Control+z")
    assert page.evaluate("node.length") == 0
    assert page.evaluate("strip.value") == json.dumps(TWO)


def test_fps_changes_what_seconds_mean(strip):
    page = strip("V3.1", {"keyframes": [{"image": "d1.png", "position": "1s"}]})
    assert page.locator(".key .at").text_content() == "16"
    page.get_by_label("Frames per second").fill("24")
    page.keyboard.press("Enter")
    assert page.evaluate("node.fps") == 24
    assert page.locator(".key .at").text_content() == "24"


def test_a_change_from_elsewhere_is_shown_and_not_undone(strip):
    page = strip("V3.1", TWO)
    page.mouse.click(*place_of(page, 40))
    page.keyboard.press("ArrowLeft")
    page.evaluate("node.length = 49; node.release = 'mini'; strip.refresh()")
    assert page.evaluate("[strip.numFrames, strip.legal.length]") == [49, 49]
    page.keyboard.press("Control+z")
    assert positions(page)[1] == "50%"
    assert page.evaluate("node.length") == 49


# --- prompts ----------------------------------------------------------------------------------------------------------


def test_prompt_segments_are_added_written_and_pulled(strip):
    page = strip("mini")
    page.mouse.dblclick(*place_of(page, 20, ".lanes"))
    page.keyboard.type("she waves")
    assert value(page)["prompts"] == [{"start": 0, "end": 33, "text": "she waves"}]
    right = page.locator(".segment").bounding_box()
    y = right["y"] + right["height"] / 2
    drag(page, (right["x"] + right["width"] - 3, y), (place_of(page, 15)[0], y))
    assert value(page)["prompts"][0]["end"] == 16
    page.mouse.dblclick(*place_of(page, 20, ".lanes"))
    page.keyboard.type("rain")
    assert value(page)["prompts"][1] == {"start": 20, "end": 33, "text": "rain"}
    second = page.locator(".segment").nth(1)
    box = second.bounding_box()
    drag(page, (box["x"] + 40, y), (box["x"] + 40 - page.evaluate("strip.view.cell") * 10, y))
    assert value(page)["prompts"][1] == {"start": 10, "end": 23, "text": "rain"}
    assert second.bounding_box()["y"] > page.locator(".segment").first.bounding_box()["y"]  # they overlap
    page.keyboard.press("Delete")
    assert [one["text"] for one in value(page)["prompts"]] == ["she waves"]
    page.keyboard.press("Control+z")
    assert len(value(page)["prompts"]) == 2


def test_a_segments_text_is_edited_after_a_double_click(strip):
    page = strip("mini", {"keyframes": [], "prompts": [{"start": 0, "end": 20, "text": "rain"}]})
    page.locator(".segment").dblclick()
    page.keyboard.press("Control+a")
    page.keyboard.type("snow")
    page.keyboard.press("Escape")
    assert value(page)["prompts"][0]["text"] == "snow"
    assert page.locator(".segment").text_content() == "snow"
    page.keyboard.press("Control+z")
    assert value(page)["prompts"][0]["text"] == "rain"


# --- links ------------------------------------------------------------------------------------------------------------

LINKED = [
    {"id": "3", "url": None, "label": "story_1", "position": "first", "strength": 1, "locked": False},
    {"id": "4:2", "url": None, "label": "story_2", "position": "50%", "strength": 1, "locked": False},
]


def test_a_linked_keyframe_is_dragged_in_its_node(strip):
    page = strip("V3.1", linked=LINKED)
    assert page.locator(".key.linked .badge").count() == 2
    drag(page, place_of(page, 40), place_of(page, 63))
    assert page.evaluate("node.linked[1].position") == "64"
    box = page.get_by_label("Strength").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.evaluate("node.linked[1].strength") == pytest.approx(0.5, abs=0.06)
    assert page.evaluate("strip.value") == ""  # nothing of it goes into the timeline's own text
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert page.evaluate("node.linked[1]") == LINKED[1]
    page.keyboard.press("Delete")
    assert page.evaluate("node.linked.length") == 2
    assert "remove that node" in page.get_by_role("status").text_content()


def test_a_keyframe_whose_position_is_wired_stays(strip):
    page = strip("V3.1", linked=[{**LINKED[1], "locked": True}])
    drag(page, place_of(page, 40), place_of(page, 63))
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("node.linked[0].position") == "50%"


# --- preview ----------------------------------------------------------------------------------------------------------

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


def test_scrubbing_cross_fades_the_neighbours(strip):
    page = strip("mini")
    svg = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='16' height='9'><rect width='16' height='9' fill='{}'/></svg>"
    page.evaluate(
        "urls => { strip.host.url = (name) => urls[name] }", {name: svg.format(name) for name in COLOURS}
    )
    page.evaluate(
        """strip.value = '{"keyframes": [{"image": "red", "position": "first"}, {"image": "blue", "position": "last", "strength": 0.5}]}'"""
    )
    page.wait_for_function("[...strip.pictures.known.values()].filter((one) => one.canvas).length === 2")

    def pixel(frame: int) -> list[int]:
        page.mouse.click(*place_of(page, frame, ".scrub"))
        assert page.evaluate("strip.playhead") == frame
        return page.evaluate("[...strip.view.canvas.getContext('2d').getImageData(9, 9, 1, 1).data]")[:3]

    assert pixel(0) == [255, 0, 0]
    assert pixel(32) == pytest.approx([64, 64, 192], abs=2)  # half blue, half the model's grey
    assert pixel(8) == pytest.approx([207, 16, 48], abs=3)
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    page.wait_for_function("strip.playhead > 2")
    page.keyboard.press(" ")
    stopped = page.evaluate("strip.playhead")
    page.wait_for_timeout(200)
    assert page.evaluate("strip.playhead") == stopped


# --- many -------------------------------------------------------------------------------------------------------------


def test_fifty_keyframes_stay_responsive(strip):
    rows = [{"image": f"d{i}.png", "position": str(i)} for i in range(50)]
    page = strip("anymask", {"keyframes": rows})
    page.wait_for_function("[...strip.pictures.known.values()].filter((one) => one.canvas).length === 50")
    assert page.locator(".key").count() == 50
    page.evaluate(
        """window.spent = [];
        const show = strip.show.bind(strip);
        strip.show = (next) => { const start = performance.now(); show(next); spent.push(performance.now() - start); };
        null"""
    )
    page.mouse.move(*place_of(page, 49))
    page.mouse.down()
    for frame in range(50, 65):
        page.mouse.move(*place_of(page, frame))
    page.mouse.up()
    assert positions(page)[-1] == "last"
    spent = sorted(page.evaluate("spent"))
    assert len(spent) >= 10
    median = spent[math.floor(len(spent) / 2)]
    assert median < 40, f"one move of a drag takes {median:.1f} ms"


def test_a_zoomed_strip_scrolls_and_still_hits_the_frame(strip):
    page = strip("anymask", {"keyframes": [{"image": f"d{i}.png", "position": str(i)} for i in range(50)]})
    page.get_by_role("button", name="Zoom in").click()
    page.mouse.move(*place_of(page, 3))
    page.mouse.wheel(0, 10000)
    page.wait_for_function("strip.view.scroll.scrollLeft > 500")
    drag(page, place_of(page, 49), place_of(page, 60))
    assert positions(page)[-1] == "60"


# --- other --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "said"),
    [("zh-TW", "把画稿拖到这里"), ("ja", "ここに原画をドロップ"), ("de", "Drop drawings here")],
)
def test_the_strip_speaks_the_hosts_language(strip, locale, said):
    assert said in strip(locale=locale).locator(".empty").text_content()


def test_every_control_has_a_name(strip):
    page = strip("V3.1", {**TWO, "prompts": [{"start": 0, "end": 8, "text": "rain"}]})
    nameless = page.evaluate(
        """[...document.querySelectorAll(".anisora-strip :is(button, input, textarea, [role])")]
          .filter((one) => !one.hidden && !one.textContent.trim() && !one.getAttribute("aria-label")
            && one.getAttribute("role") !== "status").map((one) => one.outerHTML)"""
    )
    assert nameless == []
