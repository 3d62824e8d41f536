"""The nodes inside a stand-in for ComfyUI: its body is picked, no network is imported, bars, previews and interrupts work.

Runs in a process of its own, as the body is picked once, at import. Networks need the real host: tests/host.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

PACK = Path(__file__).parents[2]
FAKE = """
import sys, time, types, importlib.util, json
from pathlib import Path
import torch

seen = {"bars": [], "previews": 0, "played": [], "interrupt_at": None}
class Interrupted(BaseException): pass
class ProgressBar:
    def __init__(self, total): self.total = total
    def update_absolute(self, value, total=None, preview=None):
        seen["bars"].append([value, total])
        seen["previews"] += preview is not None and preview[0] == "JPEG" and preview[1].size[0] > 8
def check():
    if seen["interrupt_at"] is not None and len(seen["bars"]) >= seen["interrupt_at"]: raise Interrupted
def module(name, **values):
    sys.modules[name] = made = types.ModuleType(name)
    vars(made).update(values)
    return made
base = Path(sys.argv[1])
management = module("comfy.model_management", __file__=str(base / "comfy" / "model_management.py"),
                    get_torch_device=lambda: torch.device("cpu"),
                    throw_exception_if_processing_interrupted=check)
utils = module("comfy.utils", ProgressBar=ProgressBar)
module("comfy", model_management=management, utils=utils)
class State:
    def update_progress(self, node, value, total, image): seen["played"].append([node, value, total, image[1].size])
module("comfy_execution")
module("comfy_execution.progress", get_progress_state=State)
module("comfy_execution.utils", get_executing_context=lambda: types.SimpleNamespace(node_id="7"))
module("folder_paths", get_annotated_filepath=lambda name: str(base / name.removesuffix(" [input]")),
       **{f"get_{kind}_directory": lambda kind=kind: str(base) for kind in ("input", "output", "temp")})
pack = sys.argv[2]
name = pack.replace(".", "_x_")  # as the host names it
spec = importlib.util.spec_from_file_location(name, pack + "/__init__.py")
loaded = importlib.util.module_from_spec(spec)
sys.modules[name] = loaded
spec.loader.exec_module(loaded)
nodes = {name: kind() for name, kind in loaded.NODE_CLASS_MAPPINGS.items()}
"""
RUN = """
host = sys.modules[name + ".nodes.host"].host
class EightPixelVae:
    def encode(self, frames): return frames[::4, ::8, ::8, :1].movedim(-1, 0)[None].expand(1, 16, -1, -1, -1).contiguous()
(release,) = nodes["AniSoraRelease"].pick("mini")
text = json.dumps({"keyframes": [{"image": "a.png [input]", "position": "first"}]})
timeline, length, fps, *_ = nodes["AniSoraTimeline"].build(release, 9, 0.0, 64, 32, timeline_json=text)
words = [[torch.zeros(1, 4, 8), {}]]
(area,) = nodes["AniSoraMotionMask"].build(torch.ones(1, 32, 64), "hold", 0.0, True)
guide = nodes["AniSoraGuide"].encode(words, words, EightPixelVae(), timeline, release, motion_area=area)
positive, negative, latent, report = guide["result"]
given = positive[0][1]["concat_mask"]
result = {"length": length, "fps": fps, "ui": guide["ui"]["text"] == [report], "mask": list(given.shape),
          "first_given": float(given[:, :, 0].max()), "held": list(latent["noise_mask"].shape),
          "networks": sorted(n for n in sys.modules if n.startswith(name) and n.endswith("networks"))}
with host.progress(2) as progress:
    for done in (1, 2): progress.update(done, torch.zeros(3, 4, 8, 3), 0.01)
    until = time.monotonic() + 20
    while len(seen["played"]) < 3 and time.monotonic() < until: time.sleep(0.01)
result["bars"], result["previews"], result["played"] = list(seen["bars"]), seen["previews"], seen["played"][-1]
after = len(seen["played"])
time.sleep(0.05)
result["plays on"] = len(seen["played"]) - after
seen["interrupt_at"] = 1
try: progress.update(2)
except Interrupted: result["stopped"] = True
(base / "link.png").symlink_to(base.parent / "outside.png")
for name in ("../outside.png", "/etc/hostname", "link.png"):
    try: nodes["AniSoraTimeline"].build(release, 9, 0.0, 64, 32, timeline_json=json.dumps({"keyframes": [{"image": name, "position": "first"}]}))
    except ValueError as error: result.setdefault("outside", []).append(str(error))
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> dict:
    base = tmp_path_factory.mktemp("base")
    Image.new("RGB", (64, 32), "red").save(base / "a.png")
    command = [sys.executable, "-c", FAKE + RUN, str(base), str(PACK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_drawings_are_read_from_the_hosts_input_folder(result):
    assert (result["length"], result["fps"]) == (9, 12.0)
    assert result["ui"]


def test_nothing_of_a_network_is_imported_before_one_is_used(result):
    assert result["networks"] == []


def test_the_guide_speaks_the_hosts_language(result):
    assert result["mask"] == [1, 4, 3, 4, 8]
    assert result["first_given"] == 0.0  # 0 is given there
    assert result["held"] == [1, 3, 4, 8]


def test_progress_moves_the_bar_plays_the_clip_and_stops_at_an_interrupt(result):
    assert result["bars"] == [[1, 2], [2, 2]]
    assert result["previews"] == 2
    assert result["played"] == ["7", 2, 2, [384, 214]]  # between steps, with a caption below
    assert result["plays on"] == 0
    assert result["stopped"]


def test_a_shared_workflow_cannot_read_outside_the_hosts_folders(result):
    assert len(result["outside"]) == 3  # a link leads out as well
    assert all("outside ComfyUI's folders" in line for line in result["outside"])
