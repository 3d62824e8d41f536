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


def test_attention_is_guessed_in_skipped_steps_alone_and_put_back():
    """A whole run against a reference written out step by step: AniSora V1's program keeps a list of two outputs per layer,
    and continues it only in steps whose pass with text is skipped (its size check refuses it in full steps)."""
    numbers = torch.Generator().manual_seed(0)
    real = {name: torch.randn(51, 1, 1, 1, 20, 20, generator=numbers) for name in ("cond", "uncond")}
    original = lambda q, k, v, heads: q  # noqa: E731
    layer, cache = SimpleNamespace(attention=original), FasterCache()

    def network(name):
        return lambda x, t: layer.attention(real[name][step_of(t)], x, x, 1)

    with_text, without_text = cache.wrap(network("cond"), network("uncond"))
    x, expected, difference = torch.zeros(1, 1, 1, 20, 20), real["uncond"].clone(), torch.zeros(())
    with cache.cached_attention([layer]):
        for step in range(1, 51):
            timestep, full = torch.tensor([1000.0 - step]), step < 18 or step % 5 == 0
            if not full and step % 3:
                last, before = sorted(n for n in range(1, step) if n < 18 or not (n % 3 and n % 5))[:-3:-1]
                expected[step] = real["uncond"][last] * 1.3 - real["uncond"][before] * 0.3
            base = without_text(x, timestep)
            torch.testing.assert_close(base, expected[step], atol=1e-5, rtol=0)
            if full:
                torch.testing.assert_close(with_text(x, timestep), real["cond"][step])
                difference = split(real["cond"][step] - base)
                continue
            low, high = difference
            difference = low * (1.1 if step <= 40 else 1.0), high * (1.1 if step >= 30 else 1.0)
            torch.testing.assert_close(with_text(x, timestep), base + sum(difference), atol=1e-4, rtol=0)
    assert layer.attention is original


def test_without_a_second_pass_attention_is_still_saved():
    """At cfg 1 the pass with text runs alone, and is the one that is continued."""
    original = lambda q, k, v, heads: q  # noqa: E731
    layer, cache, seen = SimpleNamespace(attention=original), FasterCache(), []

    def network(x, timestep):
        value = torch.full((1,), float(step_of(timestep)))
        seen.append(float(layer.attention(value, value, value, 1)))
        return x

    with_text, _ = cache.wrap(network, network)
    with cache.cached_attention([layer]):
        for step in range(1, 24):
            with_text(torch.zeros(1), torch.tensor([1000.0 - step]))
    assert torch.allclose(torch.tensor(seen[17:]), torch.tensor([18.0, 18.3, 20.0, 21.0, 21.3, 21.3]))


def step_of(timestep):
    return 1000 - int(timestep[0])


def split(field):
    """(low, high) frequencies within and outside a radius of 4 of a field of 20 x 20, by a shifted spectrum."""
    rows = torch.arange(20) - 10
    inside = rows[:, None].square() + rows[None].square() <= 16
    spectrum = torch.fft.fftshift(torch.fft.fft2(field), dim=(-2, -1))
    parts = [
        torch.fft.ifft2(torch.fft.ifftshift(spectrum * part, dim=(-2, -1))).real for part in (inside, ~inside)
    ]
    return parts[0], parts[1]
