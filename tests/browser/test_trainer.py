"""The trainer's view in ComfyUI's own page, while a training runs: every version found, canvas and Vue."""

from __future__ import annotations

import re

import pytest
from frontend import NODES, Frontend
from hosts import Host

pytestmark = pytest.mark.host
SMALL = "batch = 1\nlength = 5\nvariants = 1\narea = 1024\nsample_every = 2"


def test_the_template_trains_and_shows_how_it_goes(widgets: Frontend, host: Host):
    earlier = widgets.alerts()  # of other tests' graphs, on the same page
    widgets.load(widgets.template("style_lora"))
    assert widgets.alerts() == earlier
    page, view = widgets.page, widgets.page.locator(".anisora-trainer")
    widgets.show("AniSoraLoraTrainer", 0.8)
    assert "Press Run" in view.inner_text()
    widgets.picture("trainer_before", "AniSoraLoraTrainer")
    name = f"page_{widgets.renderer}"
    trainer = page.evaluate(f"String({NODES}.find(({{ type }}) => type === 'AniSoraLoraTrainer').id)")
    widgets.set([(trainer, "name", name), (trainer, "steps", 4), (trainer, "options", SMALL)])
    assert widgets.value("AniSoraLoraTrainer", "seed") == 0
    ended = widgets.run()
    assert ended["kind"] == "execution_success", (ended, host.log.read_text()[-1500:])
    assert "step 4 of 4" in view.inner_text()
    page.wait_for_function("document.querySelector('.anisora-trainer img').naturalWidth > 100")
    widgets.picture("trainer", "AniSoraLoraTrainer")
    saved = widgets.saved()
    (row,) = [row for row in saved["nodes"] if row["type"] == "AniSoraLoraTrainer"]
    before = next(
        row for row in widgets.template("style_lora")["nodes"] if row["type"] == "AniSoraLoraTrainer"
    )
    assert len(row["widgets_values"]) == len(before["widgets_values"])  # the view has no value
    ids = widgets.run()["cached"]
    assert trainer in ids  # nothing, the seed included, has changed by running


def test_a_page_opened_meanwhile_shows_the_whole_training(widgets: Frontend, host: Host):
    widgets.load(widgets.template("style_lora"))
    page, view = widgets.page, widgets.page.locator(".anisora-trainer")
    trainer = page.evaluate(f"String({NODES}.find(({{ type }}) => type === 'AniSoraLoraTrainer').id)")
    steps = 50_000  # not over before a slow page is back
    options = SMALL.replace("= 2", "= 100_000")
    name = f"reload_{widgets.renderer}"
    widgets.set([(trainer, "name", name), (trainer, "steps", steps), (trainer, "options", options)])
    widgets.show("AniSoraLoraTrainer", 0.8)
    page.evaluate("void app.queuePrompt(0)")
    view.get_by_text(re.compile(rf"step \d+ of {steps}")).wait_for(timeout=120_000)
    page.wait_for_timeout(3000)
    saved = widgets.saved()
    widgets.reload()
    widgets.load(saved)
    widgets.show("AniSoraLoraTrainer", 0.8)
    view.get_by_text(re.compile(rf"step \d+ of {steps}")).wait_for(timeout=30_000)
    assert view.locator("canvas").evaluate(
        "(one) => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(Boolean)"
    )
    page.evaluate("fetch('/api/interrupt', { method: 'POST' })")
    view.get_by_text("Stopped and saved").wait_for(timeout=60_000)
