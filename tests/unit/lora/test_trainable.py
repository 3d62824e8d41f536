"""Trainable adapters: what they do to a network, and whom dropout belongs to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.families.wan.config import DEBUG
from comfyui_anisora.anisora_core.lora.apply import LoraUse, changes_to, live
from comfyui_anisora.anisora_core.lora.trainable import Adapters, AdapterSettings, acting
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.training.lora.lora_file import save_lora

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_inputs import learned, random_wan


def inputs(batch: int = 2) -> tuple[torch.Tensor, ...]:
    return torch.randn(batch, 36, 2, 4, 4), torch.full((batch,), 300.0), torch.randn(batch, 4, 8)


@pytest.mark.parametrize("is_dora", [False, True])
def test_adapters_start_as_nothing_and_act_as_their_file_does(is_dora, tmp_path):
    model, x = random_wan(), inputs()
    plain = model(*x)
    adapters = Adapters(model, AdapterSettings(rank=4, alpha=2.0, is_dora=is_dora), seed=0)
    with acting(model, adapters):
        assert torch.allclose(model(*x), plain, atol=1e-6)
    learned(adapters).eval()
    with acting(model, adapters):
        changed = model(*x)
    assert (changed - plain).abs().max() > 0.01
    assert torch.equal(model(*x), plain)
    save_lora(tmp_path / "style.safetensors", adapters.changes(), RELEASES["V3.1"], {})
    use = LoraUse(read_lora(tmp_path / "style.safetensors"))
    with live(model, changes_to(model, [use])):
        assert torch.allclose(model(*x), changed, atol=1e-5)


def test_only_targeted_layers_are_changed_and_a_wrong_pattern_is_told():
    adapters = Adapters(random_wan(), AdapterSettings(targets=r"blocks\.\d+\.self_attn\.(q|v)"), seed=0)
    assert set(adapters.names) == {f"blocks.{i}.self_attn.{n}" for i in range(DEBUG.num_layers) for n in "qv"}
    for targets in ("nothing", "("):
        with pytest.raises(ValueError, match=r"^targets '"):
            Adapters(random_wan(), AdapterSettings(targets=targets), seed=0)


def test_dropout_belongs_to_a_clip_not_to_its_batch():
    model, (x, t, text) = random_wan(), inputs(3)
    adapters = learned(Adapters(model, AdapterSettings(rank=8, dropout=0.5), seed=0)).train()

    def run(rows: list[int], keys: list[int]) -> torch.Tensor:
        adapters.keys = keys
        with acting(model, adapters):
            return model(x[rows], t[rows], text[rows])

    together = run([0, 1, 2], [7, 8, 9])
    assert torch.allclose(torch.cat([run([i], [7 + i]) for i in range(3)]), together, atol=1e-5)
    assert not torch.allclose(run([0], [70]), together[:1], atol=1e-3)
    adapters.eval()
    assert torch.equal(run([0], [70]), run([0], [7]))
