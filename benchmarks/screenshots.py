"""The docs' pictures of every workflow and both widgets, as ComfyUI's own page shows them: `python benchmarks/screenshots.py`.

In the last ComfyUI of COMFYUI_PATH. Mini's workflows are run as they ship, so their nodes show what they made; a
release's whose weights do not come with the pack are shown as they open.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "host"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from comfyui_anisora.anisora_core.domain.atomic_write import write_beside
from conftest import CHROMIUM, FLAGS
from frontend import BOX, NODES, Frontend
from hosts import PACK, find_hosts, running
from PIL import Image
from playwright.sync_api import sync_playwright
from workflow_files import SHIPPED, release_of

OUT = PACK / "docs" / "pictures"
WIDTH = 1400
#: Of the widgets.
ZOOM = 1.25
#: Room around the graph for the page's own bars, pixels.
LEFT, TOP, RIGHT, BOTTOM = 100, 160, 420, 320
#: The graph's left, top, right and bottom in its own units.
BOUNDS = f"""() => {{
  const boxes = [...{NODES}, ...app.graph.groups].map((one) => one.boundingRect);
  return [Math.min(...boxes.map((box) => box[0])), Math.min(...boxes.map((box) => box[1])),
    Math.max(...boxes.map((box) => box[0] + box[2])), Math.max(...boxes.map((box) => box[1] + box[3]))];
}}"""
PLACE = "([scale, x, y]) => { app.canvas.ds.scale = scale; app.canvas.ds.offset = [x, y]; app.canvas.setDirty(true, true); }"
PROMPTS = {
    "keyframes": [],
    "prompts": [
        {"start": 0, "end": 13, "text": "she spreads her arms"},
        {"start": 17, "end": 33, "text": "she lifts them high"},
    ],
}
#: Where hair and balloon of the drawing `wave` are, as shares of its sides.
HAIR = [(0.61, 0.24), (0.475, 0.49), (0.715, 0.55), (0.43, 0.33), (0.755, 0.33)]
BALLOON = [(0.79, 0.68)]


def save(page: Any, name: str, clip: dict[str, float], width: int) -> None:
    picture = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    path = OUT / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as part:
        picture.save(part, "JPEG", quality=80, optimize=True)
    print(f"{path.relative_to(PACK)} {picture.width}x{picture.height} {path.stat().st_size / 1000:.0f} kB")


def workflow(page: Frontend, path: Path) -> None:
    page.load(page.template(path.stem))
    if release_of(path) == "mini":
        ended = page.run()
        assert ended["kind"] == "execution_success", ended
    scale, margin = 0.75, 12
    left, top, right, bottom = page.page.evaluate(BOUNDS)
    width, height = round((right - left) * scale), round((bottom - top) * scale)
    page.page.set_viewport_size({"width": LEFT + width + RIGHT, "height": TOP + height + BOTTOM})
    page.page.evaluate(PLACE, [scale, LEFT / scale - left, TOP / scale - top])
    page.page.wait_for_timeout(1500)
    corner = page.page.evaluate(
        "() => { const { left, top } = app.canvas.canvas.getBoundingClientRect(); return [left, top]; }"
    )
    clip = {"x": corner[0] + LEFT - margin, "y": corner[1] + TOP - margin}
    save(
        page.page,
        f"workflows/{path.stem}",
        {**clip, "width": width + 2 * margin, "height": height + 2 * margin},
        WIDTH,
    )


def node(page: Frontend, name: str, kind: str) -> None:
    page.page.wait_for_timeout(600)
    box, edge = page.page.evaluate(BOX, kind), 12 * ZOOM
    clip = {"x": box["x"] + edge, "y": box["y"] + edge}
    save(page.page, name, {**clip, "width": box["width"] - 2 * edge, "height": box["height"] - 2 * edge}, 700)


def timeline(page: Frontend) -> None:
    page.load(page.template("storyboard_five_keyframes"))
    shown = page.show("AniSoraTimeline", ZOOM)
    page.set([(shown, "timeline_json", json.dumps(PROMPTS))])
    page.page.locator(".anisora-strip .key").nth(2).click()
    node(page, "timeline", "AniSoraTimeline")


def painter(page: Frontend) -> None:
    page.load(page.template("motion_painter"))
    shown = page.show("AniSoraMotionPainter", ZOOM)
    page.set([(shown, "use_subject", False)])
    sheet = page.page.locator(".anisora-painter .sheet").bounding_box()
    page.page.locator(".anisora-painter [data-do=fill]").click()
    for spots in (HAIR, BALLOON):
        if spots is BALLOON:
            page.page.locator(".anisora-painter [data-do=add]").click()
        for x, y in spots:
            page.page.mouse.click(sheet["x"] + x * sheet["width"], sheet["y"] + y * sheet["height"])
            page.page.wait_for_timeout(200)
    page.page.mouse.move(0, 0)
    node(page, "motion_painter", "AniSoraMotionPainter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="workflows, timeline or motion_painter; none: all of them")
    only = parser.parse_args().only
    hosts = find_hosts()
    if not hosts:
        raise SystemExit("no ComfyUI found: set COMFYUI_PATH")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        with running(hosts[-1], Path(folder) / "run") as host:
            host.call("/settings", {"Comfy.TutorialCompleted": True, "Comfy.VueNodes.Enabled": False})
            page = Frontend(browser, host.url, "canvas", OUT)
            for path in SHIPPED:
                if path.stem in only or not only:
                    workflow(page, path)
            for name, picture in (("timeline", timeline), ("motion_painter", painter)):
                if name in only or not only:
                    picture(page)
            page.close()


if __name__ == "__main__":
    main()
