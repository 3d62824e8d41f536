from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from comfyui_anisora.anisora_core.domain.latents import RawLatent
from comfyui_anisora.anisora_core.evaluation.speed.tensor_memory import TensorMemory
from comfyui_anisora.anisora_core.families.cogvideox.config import DEBUG_VAE as V1_DEBUG_VAE
from comfyui_anisora.anisora_core.families.cogvideox.vae import CogVideoXVAE
from comfyui_anisora.anisora_core.families.wan.config import DEBUG_VAE, MINI_VAE
from comfyui_anisora.anisora_core.families.wan.initialization import init_vae_frames_first
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE, shuffle, unshuffle
from comfyui_anisora.anisora_core.layers import causal3d
from torch.profiler import ProfilerActivity, profile

SMALL_MINI = replace(MINI_VAE, encoder_dim=8, decoder_dim=8)
CONFIGS = {
    "wan21": DEBUG_VAE,
    "wan22": replace(DEBUG_VAE, residual_shortcuts=True, front=2),
    "mini": SMALL_MINI,
}


@pytest.fixture(params=CONFIGS)
def vae(request):
    return WanVAE(CONFIGS[request.param]).eval()


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_streamed_equals_whole(vae, chunk):
    video = torch.rand(1, 3, 17, 32, 48) * 2 - 1
    with torch.no_grad():
        whole = vae.encode(video).mean
        assert (vae.encode(video, latents_per_chunk=chunk).mean - whole).abs().max() < 1e-5
        decoded = vae.decode(whole)
        assert (vae.decode(whole, latents_per_chunk=chunk) - decoded).abs().max() < 1e-5
    assert whole.shape == (1, 16, 5, 32 // vae.grid.pixels_per_latent, 48 // vae.grid.pixels_per_latent)
    assert decoded.shape == video.shape


def test_the_past_never_sees_the_future(vae):
    video = torch.rand(1, 3, 17, 32, 32) * 2 - 1
    changed = video.clone()
    changed[:, :, 9:] = 0.0
    with torch.no_grad():
        a, b = vae.encode(video).mean, vae.encode(changed).mean
    assert torch.equal(a[:, :, :3], b[:, :, :3])
    assert not torch.equal(a[:, :, 3:], b[:, :, 3:])


@pytest.mark.parametrize("chunk", [None, 2])
def test_frames_that_stand_still_are_computed_once(vae, chunk, monkeypatch):
    video = torch.rand(1, 3, 33, 32, 32) * 2 - 1
    video[:, :, 2:] = video[:, :, 1:2]

    def encoded() -> tuple[torch.Tensor, int]:
        seen: list[int] = []
        hook = vae.encoder.conv1.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape[2]))
        with torch.no_grad():
            mean = vae.encode(video, latents_per_chunk=chunk).mean
        hook.remove()
        return mean, sum(seen)

    few, num_few = encoded()
    monkeypatch.setattr(causal3d, "standing", lambda x: 1)
    all_of_them, num_all = encoded()
    assert (few - all_of_them).abs().max() < 1e-5
    assert num_few < num_all / 2


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_few_frames_of_few_channels_go_the_fast_way_with_the_same_numbers():
    conv = causal3d.DirectConv3d(16, 16, 3, padding=(0, 1, 1))
    x = torch.randn(1, 16, 5, 12, 12)
    theirs = conv(x)  # with gradients: torch's own
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as seen:
        ours = conv(x)
    assert theirs.requires_grad
    assert torch.allclose(ours, theirs, atol=1e-5)
    names = {event.key for event in seen.key_averages()}
    assert not any("slow_conv3d" in name for name in names)


def test_unshuffle_is_undone_by_shuffle():
    video = torch.rand(2, 3, 5, 16, 8)
    for front in (1, 2, 4):
        assert torch.equal(shuffle(unshuffle(video, front), front), video)


def test_frames_first_start_is_a_frame_autoencoder(rng):
    """Before training on clips, a still clip is encoded and decoded as the same frame each time."""
    vae = WanVAE(SMALL_MINI)
    init_vae_frames_first(vae, rng)
    frame = torch.rand(1, 3, 1, 32, 32) * 2 - 1
    with torch.no_grad():
        decoded = vae.decode(vae.encode(frame.expand(-1, -1, 9, -1, -1)).mean)
    assert (decoded[:, :, 5:] - decoded[:, :, 5:6]).abs().max() < 1e-4


def test_normalize_is_undone_by_denormalize():
    vae = WanVAE(replace(SMALL_MINI, latent_mean=(0.5,) * 16, latent_std=(2.0,) * 16))
    latent = torch.randn(1, 16, 2, 3, 3)
    assert torch.allclose(vae.denormalize(vae.normalize(latent)), latent, atol=1e-6)


@pytest.fixture(scope="module")
def v1():
    torch.manual_seed(0)
    model = CogVideoXVAE(V1_DEBUG_VAE).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


@pytest.mark.parametrize(("frames", "run"), [(5, 1), (17, 1), (29, 3)])
def test_v1_encodes_in_runs_what_it_encodes_whole(v1, frames, run):
    """Group norms see the whole clip, as in AniSora's program. float32 only rounds otherwise, 3e-6 at most in 129 frames."""
    for dtype, most in ((torch.float64, 1e-12), (torch.float32, 3e-6)):
        v1, video = v1.to(dtype), torch.rand(2, 3, frames, 16, 16, dtype=dtype) * 2 - 1
        with torch.no_grad():
            whole, runs = v1.encode(video), v1.encode(video, latents_per_run=run)
        assert (whole.mean - runs.mean).abs().max() < most
        assert (whole.logvar - runs.logvar).abs().max() < most


@pytest.mark.parametrize(
    "make", [lambda: CogVideoXVAE(V1_DEBUG_VAE), lambda: WanVAE(DEBUG_VAE)], ids=["V1", "Wan"]
)
def test_memory_of_encode_and_decode_does_not_grow_with_the_clip(make):
    """Above input and output, 33 against 129 frames; the whole clip takes 3.9 times as much."""
    vae = make().eval()
    taken: dict[str, list[float]] = {"encode": [], "decode": []}
    for frames in (33, 129):
        video = torch.zeros(1, 3, frames, 16, 16)
        latent = torch.zeros(1, 16, 1 + frames // 4, 2, 2)
        with torch.no_grad():
            with TensorMemory() as memory:
                encoded = vae.encode_in_runs(video)
            taken["encode"].append(memory.peak - 4 * 2 * encoded.mean.numel())
            with TensorMemory() as memory:
                for _ in vae.decode_chunks(latent, latents_per_chunk=vae.run_length(latent.shape[2])):
                    pass
            taken["decode"].append(memory.peak)
    for short, long in taken.values():
        assert long < 1.1 * short, taken


def test_convolutions_in_bfloat16_on_a_cpu_get_channels_last():
    """Whatever changes the layout on the way costs a fifth of the time: no convolution may see another one."""
    model = WanVAE(replace(DEBUG_VAE, num_res_blocks=2)).bfloat16().eval()
    seen = []
    for module in model.modules():
        if isinstance(module, torch.nn.Conv3d) and module.kernel_size == (3, 3, 3):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        latent = model.encode(torch.rand(1, 3, 9, 32, 32).bfloat16()).mean
        model.decode(RawLatent(latent))
    assert len(seen) > 20
    assert all(x.is_contiguous(memory_format=torch.channels_last_3d) for x in seen)
