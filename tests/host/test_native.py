"""Our objects as the host's own: the same numbers through its samplers, loaders, offloading and patches, and without it.

Measured inside each host's Python, float32, on mini and on tiny random networks of the published layouts.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from hosts import PACK, find_hosts, result_of
from tiny_models import write_models

pytestmark = pytest.mark.host
SCRIPT = Path(__file__).parent / "measure_native.py"
HOSTS = find_hosts()


@pytest.fixture(scope="module", params=HOSTS or [None], ids=lambda host: host.name if host else "no-host")
def measured(request, tmp_path_factory) -> dict:
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    base = tmp_path_factory.mktemp("native")
    write_models(base / "models")
    return result_of(SCRIPT, request.param, request.param, PACK, base)


@pytest.mark.parametrize(
    "way",
    [
        "mini: host's euler in SamplerCustomAdvanced",
        "mini: our SAMPLER and SIGMAS in SamplerCustomAdvanced",
        "mini: KSampler, euler on its own levels, against our euler on them",
        "mini: the core without a host",
        "mini: early guidance, the core without a host",
        "mini: open guidance, the core without a host",
        "mini: held outside an area, against the core",
        "mini: held, from below the usual first level (unipc, shift 0.5), against the core",
        "V3.1: host's euler in SamplerCustomAdvanced",
        "V3.1: our SAMPLER and SIGMAS in SamplerCustomAdvanced",
        "V3.1: the core without a host",
        "V3.1: the host's own loader and network",
        "V2: optimal steps, the core without a host",
        "V2: optimal steps, our SAMPLER and SIGMAS",
        "V3.2: the core without a host",
        "V3.2: LoRA on both experts, the core without a host",
        "mini: AniSora LoRA, against the host's own LoRA loader",
        "mini: a trained LoRA by the host's own loader, against the core without a host",
        "V1: our SAMPLER and SIGMAS in SamplerCustomAdvanced",
        "V1: the core without a host",
        "V1: FasterCache, the core without a host",
        "V1: rising guidance, the core without a host",
    ],
)
def test_the_same_seed_and_sigmas_give_the_same_latents(measured, way):
    assert measured["samples"][way] < 1e-4
    assert measured["spread"][way.partition(":")[0]] > 0.1  # they are clips, not constants


def test_a_quarter_of_the_weights_resident_with_a_lora_changes_nothing(measured):
    assert measured["partial"]["streamed"] > 5
    assert measured["partial"]["resident"] < 0.3
    assert measured["partial"]["difference"] == 0.0
    assert measured["partial"]["lora acts"] > 1e-3


def test_a_lora_leaves_no_trace(measured):
    assert measured["samples"]["V3.2: how much it changes"] > 1e-2
    assert measured["lora"] == {"keys": 8, "trace": 0.0}


def test_a_saved_model_loads_again(measured):
    assert measured["saved"] == 0.0


@pytest.mark.parametrize("layout", ["old", "new"])
def test_scaled_fp8_of_both_layouts_gives_the_same_clip(measured, layout, request):
    assert measured["fp8"][layout]["error"] < 0.02
    if layout == "old" or "0.33" in request.node.callspec.id:  # 0.3.64 does not know the newer layout
        assert measured["fp8"][layout]["stays small"]


def test_a_quantised_file_that_lacks_a_tensor_is_refused(measured):
    assert "1 missing" in measured["fp8"]["cut short"]
    assert "old.safetensors is not one of release V3.2" in measured["fp8"]["another release's"]


def test_the_vae_is_ours_whole_streamed_and_in_tiles(measured):
    assert measured["vae"]["decode"] < 1e-5
    assert measured["vae"]["encode"] < 1e-5
    assert measured["vae"]["tiles"] < 0.1  # tiles see less of their surroundings
    assert measured["vae"]["other frames"] == 0


def test_the_text_encoder_is_ours(measured):
    assert measured["clip"] == 0.0


def test_a_shift_of_the_hosts_moves_the_levels(measured):
    assert measured["shift"] == 9.0


def test_decode_goes_on_in_smaller_runs_and_then_in_tiles_when_memory_runs_out(measured):
    short = measured["short of memory"]
    assert short["runs"]["frames"] == short["tiles"]["frames"] == 17
    assert short["runs"]["refused"] == 2  # 4, then 2 latents at once
    assert short["runs"]["off"] < 1e-6
    assert short["tiles"]["refused"] == 3
    assert short["tiles"]["off"] < 0.05


def test_latents_are_kept_before_decode(measured):
    assert measured["short of memory"]["kept"] == 0.0
