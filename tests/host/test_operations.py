"""Our networks on the host's own operations: casting layers and its attention, injected; same numbers as torch's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hosts import PACK, find_hosts, result_of

SCRIPT = """
import json, sys
pack, host = sys.argv[1:3]
sys.argv[1:] = ["--cpu"]
sys.path[:0] = [host, pack]
import comfy.options
comfy.options.enable_args_parsing()
import torch
import comfy.ops
from comfy.ldm.modules.attention import optimized_attention
from anisora_core.families.wan.config import DEBUG, DEBUG_VAE, MINI_VAE
from anisora_core.families.wan.initialization import fan_in_normal_
from anisora_core.families.wan.transformer import WanTransformer
from anisora_core.families.wan.vae import WanVAE
from dataclasses import replace

def filled(network):
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.05)
    return network.eval()

rng = torch.Generator().manual_seed(1)
image = replace(DEBUG, has_image_branch=True)
x, text = torch.randn(2, 36, 3, 4, 6, generator=rng), torch.randn(2, 16, 24, generator=rng)
clip = torch.randn(2, 257, 20, generator=rng)
video = torch.randn(1, 3, 9, 32, 48, generator=rng).clamp(-1, 1)
worst = {}
with torch.no_grad():
    ours = filled(WanTransformer(image))
    small = replace(MINI_VAE, encoder_dim=16, decoder_dim=16)
    vaes = {name: filled(WanVAE(config)) for name, config in (("wan21", DEBUG_VAE), ("mini", small))}
    for kind in ("disable_weight_init", "manual_cast"):
        ops = getattr(comfy.ops, kind)
        theirs = WanTransformer(image, ops=ops, attention=optimized_attention)
        theirs.load_state_dict(ours.state_dict())
        t = torch.tensor([500.0, 20.0])
        worst[kind] = float((theirs(x, t, text, clip) - ours(x, t, text, clip)).abs().max())
        for name, vae in vaes.items():
            other = WanVAE(vae.config, ops=ops)
            other.load_state_dict(vae.state_dict())
            latent = vae.encode(video).mode()
            worst[kind + " " + name] = max(
                float((other.encode(video).mode() - latent).abs().max()),
                float((other.decode(latent) - vae.decode(latent)).abs().max()),
            )
    half = WanTransformer(image, ops=comfy.ops.manual_cast, attention=optimized_attention)
    half.load_state_dict(ours.state_dict())
    half.to(torch.float16)
    worst["float16 weights cast to float32"] = float((half(x, t, text, clip) - ours(x, t, text, clip)).abs().max())
print("RESULT " + json.dumps(worst))
"""


@pytest.mark.parametrize("host", find_hosts() or [None], ids=lambda p: p.name if p else "no ComfyUI found")
def test_the_hosts_operations_give_the_same_numbers(host):
    if host is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH")
    worst = result_of(SCRIPT, host, PACK, host)
    cast = worst.pop("float16 weights cast to float32")
    assert max(worst.values()) < 1e-5, worst
    assert cast < 1e-2
