"""The page of a report card in Chromium: clips in step, curves, keys, and no request to anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_anisora.anisora_core.evaluation.report_card.card import MeasuredRun, ReportCard, measure_subject
from comfyui_anisora.anisora_core.evaluation.report_card.card_page import page_of
from comfyui_anisora.anisora_core.evaluation.report_card.measures import MEASURES
from comfyui_anisora.anisora_core.evaluation.report_card.subject import Subject

MEASURED = {name: MEASURES[name] for name in ("psnr", "ssim", "temporal_flickering")}


def levels(count: int) -> np.ndarray:
    """Frame f has the grey level 10 f."""
    return np.stack([np.full((64, 64, 3), 10 * frame, np.uint8) for frame in range(count)])


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "card.html"
    runs = tuple(
        MeasuredRun(name, (measure_subject(Subject("<b>x</b>", levels(count), 10.0, truth_FHWC=levels(count)[::-1]), MEASURED),))
        for name, count in (("long", 20), ("short", 10))
    )  # fmt: skip
    path.write_text(page_of(ReportCard(runs, MEASURED, {})), "utf-8")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    page.locator("canvas[data-shown]").nth(2).wait_for(
        state="attached"
    )  # a predicate would need eval, which the page forbids
    yield page
    page.close()


def shown(page) -> list[str]:
    return page.eval_on_selector_all(".clip canvas", "all => all.map(c => c.dataset.shown)")


def level(page, index: int) -> int:
    script = "(all, i) => all[i].getContext('2d').getImageData(20, 20, 1, 1).data[0]"
    return page.eval_on_selector_all(".clip canvas", script, index)


def test_it_asks_for_nothing_and_has_no_errors(opened):
    assert [url for url in opened.asked if not url.startswith(("data:", "file:"))] == []
    assert opened.said == []
    assert opened.locator("h3").inner_text() == "<b>x</b>"


def test_all_clips_show_the_same_moment_and_a_shorter_one_its_last_frame(opened):
    opened.evaluate("seek(0.75)")
    assert shown(opened) == ["7", "7", "7"]
    assert [level(opened, index) for index in (1, 2)] == pytest.approx([70, 70], abs=4)
    opened.evaluate("seek(1.55)")
    assert shown(opened) == ["15", "15", "9"]
    assert level(opened, 1) == pytest.approx(150, abs=4)


def test_keys_step_and_a_curve_leads_to_its_moment(opened):
    opened.evaluate("seek(0.05)")
    opened.keyboard.press("ArrowRight")
    assert shown(opened)[:2] == ["1", "1"]
    curve = opened.locator(".curve svg").first
    box = curve.bounding_box()
    curve.click(position={"x": box["width"] / 2, "y": 20})
    before = shown(opened)[0]
    assert before in ("9", "10")
    opened.keyboard.press("Space")
    opened.locator(f".clip canvas:not([data-shown='{before}'])").first.wait_for(state="attached")
    opened.keyboard.press("Space")
    assert opened.locator("#play").inner_text() == "Play"


def test_a_worst_frame_leads_to_it(opened):
    opened.locator(".worst figure").first.click()
    frame = opened.locator(".worst canvas").first.get_attribute("data-frame")
    assert frame in shown(opened)
