"""Loading takes the weights and at most one shard of memory; what a file is costs next to none. Linux tells both."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from math import prod

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import describe
from comfyui_anisora.anisora_core.families.wan.config import DEBUG, WAN21_I2V_14B
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from safetensors.torch import save_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and wants files with holes")
SMALL = replace(DEBUG, dim=128, num_heads=1)
WIDE = replace(SMALL, dim=1024, num_heads=8, ffn_dim=4096, num_layers=3)
#: Loads a small file, so that code is in memory, then the wide one: growth to the high-water mark of resident memory.
CHILD = """
import sys
from pathlib import Path
import torch
from comfyui_anisora.anisora_core.checkpoints.load import load_network

def resident(row):
    status = Path("/proc/self/status").read_text()
    return int(status.split(row + ":")[1].split()[0]) * 1024

load_network(Path(sys.argv[1]), torch.float16)
Path("/proc/self/clear_refs").write_text("5")  # the mark starts anew
before = resident("VmRSS")
model, _ = load_network(Path(sys.argv[2]), torch.float16)
print(resident("VmHWM") - before, sum(p.nbytes for p in model.parameters()))
"""


#: Opens a pickle when the process may take no more memory than a quarter of it.
TIGHT_CHILD = """
import resource, sys
from pathlib import Path
from comfyui_anisora.anisora_core.checkpoints.files import open_weights

path = Path(sys.argv[1])
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + path.stat().st_size // 4,) * 2)
try:
    open_weights(path)
except ValueError as error:
    print(error)
"""


def shapes_of(config):
    with torch.device("meta"):
        return {name: tuple(p.shape) for name, p in WanTransformer(config).named_parameters()}


def write_shards(folder, config):
    """Two of about equal size."""
    folder.mkdir()
    names = sorted(shapes_of(config).items(), key=lambda item: -prod(item[1]))
    for number in (0, 1):
        tensors = {name: torch.full(shape, 0.5, dtype=torch.float32) for name, shape in names[number::2]}
        save_file(tensors, folder / f"part-{number}.safetensors")
    return folder


def test_loading_shards_in_another_precision_takes_the_weights_and_at_most_one_shard(tmp_path):
    folders = [write_shards(tmp_path / name, config) for name, config in (("small", SMALL), ("wide", WIDE))]
    run = subprocess.run([sys.executable, "-c", CHILD, *folders], check=True, capture_output=True, text=True)
    peak, weights = map(int, run.stdout.split())
    shard = max(path.stat().st_size for path in folders[1].iterdir())
    assert shard > 0.9 * weights
    assert weights <= peak <= weights + shard


def test_a_file_larger_than_memory_says_what_it_is(tmp_path):
    """Wan2.1-I2V-14B in float32, 66 GB; its tensors are a hole that takes no disk."""
    header, end = {}, 0
    for name, shape in shapes_of(WAN21_I2V_14B).items():
        start, end = end, end + 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path = tmp_path / "hole.safetensors"
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    assert describe(path)["fit"] == "1303 tensors matched, 0 missing, 0 unexpected"


def test_a_pickle_larger_than_memory_is_not_called_damaged(tmp_path):
    torch.save({"a": torch.zeros(2**26)}, tmp_path / "big.pt")
    run = subprocess.run(
        [sys.executable, "-c", TIGHT_CHILD, tmp_path / "big.pt"], check=True, capture_output=True, text=True
    )
    assert "big.pt of 0.3 GB exceeds the memory" in run.stdout
    assert "get it as .safetensors" in run.stdout
    assert "damaged" not in run.stdout
