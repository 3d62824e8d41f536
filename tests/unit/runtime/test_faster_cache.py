"""FasterCache: which passes run, what is rebuilt, and that nothing of it stays (facts 1.9)."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from comfyui_anisora.anisora_core.runtime.faster_cache import FasterCache, low_pass


def run(steps, cond, uncond):
    cache = FasterCache()
    with_text, without_text = cache.wrap(cond, uncond)
    x, pairs = torch.zeros(1, 1, 1, 20, 20), []
    for step in range(steps):
        timestep = torch.tensor([999.0 - step])
        base = without_text(x, timestep)
        pairs.append((base, with_text(x, timestep)))
    return pairs


def test_26_of_50_steps_skip_the_pass_with_text():
    calls = {"cond": [], "uncond": []}

    def model(name):
        return lambda x, t: calls[name].append(999 - int(t[0]) + 1) or x

    run(50, model("cond"), model("uncond"))
    assert len(calls["uncond"]) == 50
    assert calls["cond"] == [*range(1, 18), 20, 25, 30, 35, 40, 45, 50]


def test_a_skipped_pass_is_the_other_one_plus_the_last_difference_grown():
    """A difference of mean 1 is all low frequency: 10 % more at each skipped step up to the 40th."""
    pairs = run(23, lambda x, t: x + float(t[0]) / 1000 + 1.0, lambda x, t: x + float(t[0]) / 1000)
    differences = [float((cond - base).mean()) for base, cond in pairs]
    expected = [*[1.0] * 17, 1.1, 1.21, 1.0, 1.1, 1.21, 1.331]
    assert torch.allclose(torch.tensor(differences), torch.tensor(expected), atol=1e-5)


def test_high_frequencies_grow_from_the_thirtieth_step():
    checks = (torch.arange(20)[:, None] + torch.arange(20)[None]).remainder(2).mul(2.0).sub(1.0)
    pairs = run(33, lambda x, t: x + checks, lambda x, t: x)
    grown = [float((cond - base).abs().mean()) for base, cond in pairs]
    expected = [*[1.0] * 30, 1.1, 1.21, 1.331]
    assert torch.allclose(torch.tensor(grown), torch.tensor(expected), atol=1e-4)


def test_the_circle_of_low_frequencies():
    low = low_pass(20, 40)
    assert low.sum() == sum(y * y + x * x <= 16 for y in range(-10, 10) for x in range(-20, 20))
    assert low[0, 4]
    assert low[16, 0]
    assert not low[0, 5]


def test_attention_runs_every_third_step_continues_straight_and_is_put_back():
    original = lambda q, k, v, heads: q  # noqa: E731
    layer, cache = SimpleNamespace(attention=original), FasterCache()
    seen = []

    def network(x, timestep):
        value = torch.full((1,), 999.0 - float(timestep[0]) + 1.0)
        seen.append(float(layer.attention(value, value, value, 1)))
        return x

    _, without_text = cache.wrap(network, network)
    with cache.cached_attention([layer]):
        for step in range(24):
            without_text(torch.zeros(1), torch.tensor([999.0 - step]))
    assert layer.attention is original
    real = [*range(1, 19), 21, 24]
    assert [value for index, value in enumerate(seen, 1) if index in real] == [float(n) for n in real]
    guessed = [value for index, value in enumerate(seen, 1) if index not in real]
    assert torch.allclose(torch.tensor(guessed), torch.tensor([18.3, 18.3, 21.9, 21.9]))
