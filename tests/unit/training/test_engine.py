"""The training engine on small networks: steps, averages, parts of a batch, optimizers and events."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from comfyui_anisora.anisora_core.training.engine.ema import Ema
from comfyui_anisora.anisora_core.training.engine.events import (
    DatasetDescribed,
    Encoding,
    Finished,
    Sampled,
    Saved,
    Stepped,
    Warned,
    from_json,
    to_json,
)
from comfyui_anisora.anisora_core.training.engine.loop import descend, train
from comfyui_anisora.anisora_core.training.engine.settings import TrainingSettings, learning_rate

CPU = torch.device("cpu")
SETTINGS = TrainingSettings(
    steps=12, learning_rate=5e-3, warmup=1, save_every=6, log_every=3, num_workers=0, optimizer="muon"
)


class OneBatch(torch.utils.data.Dataset):
    def __getitem__(self, index):
        return {"x": torch.ones(1)}


def test_a_gradient_that_is_not_finite_leaves_the_weights(tmp_path):
    """Of a root at 0: the loss is 0, its gradient is not finite."""
    model = torch.nn.Linear(2, 2)
    torch.nn.init.zeros_(model.weight)

    def root(network, batch, rng):
        return network.weight.square().sum().sqrt(), {}

    settings = replace(SETTINGS, save_every=1, optimizer="adamw")
    with pytest.raises(ValueError, match=r"gradient norm is not finite at step 1; lower learning_rate"):
        list(train(model, OneBatch(), root, settings, tmp_path, torch.device("cpu")))
    assert not (tmp_path / "state.pt").exists()
    assert torch.all(model.weight == 0)


def test_the_learning_rate_rises_and_falls_and_gradients_are_clipped(tmp_path):
    rates = [learning_rate(step, replace(SETTINGS, steps=100, warmup=10)) for step in range(100)]
    assert rates[0] < rates[5] < rates[9] > rates[50] > rates[99] > 0
    assert rates[9] == pytest.approx(SETTINGS.learning_rate, rel=0.05)
    constant = replace(SETTINGS, steps=100, warmup=10, schedule="constant")
    assert {learning_rate(step, constant) for step in range(10, 100)} == {SETTINGS.learning_rate}
    cooled = replace(constant, cooldown=20)
    rates = [learning_rate(step, cooled) for step in range(100)]
    assert set(rates[10:81]) == {SETTINGS.learning_rate}
    assert all(later < earlier for earlier, later in pairwise(rates[80:]))
    assert rates[99] == pytest.approx(SETTINGS.learning_rate * (0.05 + 0.95 / 20))

    def slope(max_grad_norm: float) -> float:
        model, seen = torch.nn.Linear(1, 1, bias=False), []

        def steep(network, batch, rng):
            network.weight.register_post_accumulate_grad_hook(lambda weight: seen.append(weight.grad))
            return 100.0 * network.weight.sum(), {}

        settings = replace(
            SETTINGS, steps=1, max_grad_norm=max_grad_norm, optimizer="adamw", precision="float32"
        )
        list(train(model, OneBatch(), steep, settings, tmp_path / str(max_grad_norm), torch.device("cpu")))
        return float(seen[0])  # clipped in place

    assert slope(0.5) == pytest.approx(0.5, rel=1e-4)
    assert slope(1000.0) == pytest.approx(100.0)


def test_what_is_kept_is_the_average_of_the_weights():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    ema = Ema(model, decay=0.5)
    for value in (1.0, 2.0):
        torch.nn.init.constant_(model.weight, value)
        ema.update(model, step=1000)
    assert float(ema.model.weight) == pytest.approx(0.5 * (0.5 * 1.0) + 0.5 * 2.0)


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_gradients_do_not_depend_on_the_parts_a_batch_is_computed_in(parts):
    rows = {"x": torch.tensor([[1.0], [2.0], [6.0]])}

    def gradient(count: int) -> tuple[float, torch.Tensor]:
        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.ones_(model.weight)

        def squares(network, batch, rng):
            return network(batch["x"]).square().mean(), {}

        settings = replace(SETTINGS, gradient_accumulation=count, precision="float32")
        loss, _ = descend(model, squares, rows, 0, settings, torch.device("cpu"))
        return loss, model.weight.grad

    torch.testing.assert_close(gradient(parts), gradient(1))


@pytest.mark.parametrize(("name", "package"), [("prodigy", "prodigyopt"), ("adamw8bit", "bitsandbytes")])
def test_optimizers_of_other_packages_are_theirs(name, package, tmp_path, monkeypatch):
    """As each is called here, and one line where the package is not installed."""

    class Theirs(torch.optim.SGD):
        def __init__(self, params, lr, betas, weight_decay):
            assert (betas, weight_decay) == ((0.9, 0.98), 0.01)
            super().__init__(params, lr)

    def run() -> torch.Tensor:
        model = torch.nn.Linear(2, 2, bias=False)
        torch.nn.init.ones_(model.weight)
        settings = TrainingSettings(
            1, 0.5, warmup=1, ema_decay=0.0, optimizer=name, precision="float32", max_grad_norm=1e3
        )
        batches = torch.utils.data.TensorDataset(torch.zeros(1))
        list(train(model, batches, lambda m, *_: (m.weight.sum(), {}), settings, tmp_path / name, CPU))
        return model.weight.detach()

    theirs = types.ModuleType(package)
    theirs.Prodigy = theirs.AdamW8bit = Theirs
    monkeypatch.setitem(sys.modules, package, theirs)
    monkeypatch.setitem(sys.modules, f"{package}.optim", theirs)
    assert torch.allclose(run(), torch.full((2, 2), 0.5))
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.optim", None)
    with pytest.raises(ValueError, match=f"package {package}; run: pip install {package}"):
        run()


def test_events_cross_processes():
    for event in (
        DatasetDescribed(("20 pictures",)),
        Warned("x"),
        Encoding(1, 2),
        Stepped(1, 2, 0.5, 0.4, 3.0, 1.0),
        Sampled(1, Path("a.jpg"), (Path("b.webp"),), 1.0),
        Saved(1, Path("c")),
        Finished((Path("d"), Path("e")), 2, True, 1.0),
    ):
        assert from_json(to_json(event)) == event
    with pytest.raises(ValueError, match="is not an event"):
        from_json('{"a": 1}')


def test_without_torchs_muon_everything_else_works(tmp_path):
    """Torch 2.6, which pyproject allows, has none; the test runs where it is taken away before anything is imported."""
    code = """
import torch
del torch.optim.Muon
import comfyui_anisora.cli.generate, comfyui_anisora.cli.train_lora, comfyui_anisora.cli.train_mini
from comfyui_anisora.anisora_core.training.engine.optimizers import make_optimizers
block = torch.nn.ModuleDict({"block": torch.nn.Linear(2, 2)})
assert len(make_optimizers(block, "adamw", learning_rate=1.0, weight_decay=0.0)) == 1
try:
    make_optimizers(block, "muon", learning_rate=1.0, weight_decay=0.0)
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.match(r"optimizer muon needs torch 2\.9 or later, and this is .*; update torch", done.stdout)
