"""Noise to latents, latents to frames."""

from __future__ import annotations

import logging
from typing import Any, Literal

import torch
from torch import Tensor

from ..anisora_core.domain.grid import LatentGrid
from ..anisora_core.domain.release import GUIDANCE, Guidance, Release
from ..anisora_core.generation.plan import SAMPLER_NAMES, plan_sampling
from . import host
from .types import RELEASE

log = logging.getLogger(__name__)


class AniSoraSampler:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Make the clip's latents from noise, guided by words and drawings. 0 means the release's own setting."
    )
    SEARCH_ALIASES = ("KSampler", "generate", "denoise", "preview", "采样", "サンプリング", "生成")
    RETURN_TYPES = ("LATENT",)
    RETURN_NAMES = ("latent",)
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": (
                    "MODEL",
                    {"tooltip": "From AniSora Model Loader, or another loader of the release's model."},
                ),
                "positive": ("CONDITIONING", {"tooltip": "From AniSora Guide."}),
                "negative": ("CONDITIONING", {"tooltip": "From AniSora Guide."}),
                "latent": ("LATENT", {"tooltip": "From AniSora Guide."}),
                "release": (RELEASE, {"tooltip": "From the loader."}),
                "seed": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 0xFFFFFFFFFFFFFFFF,
                        "control_after_generate": True,
                        "tooltip": "Same seed, same clip.",
                    },
                ),
                "steps": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 1000,
                        "tooltip": "More is slower and finer; 0: the release's.",
                    },
                ),
                "cfg": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 30.0,
                        "step": 0.1,
                        "tooltip": "How strictly the text is followed; 0: the release's.",
                    },
                ),
                "shift": (
                    "FLOAT",
                    {
                        "default": 0.0,
                        "min": 0.0,
                        "max": 100.0,
                        "step": 0.1,
                        "tooltip": "More spends more steps on layout; 0: the release's.",
                    },
                ),
                "sampler": (["auto", *SAMPLER_NAMES], {"default": "auto", "tooltip": "auto: the release's."}),
            },
            "optional": {
                "guidance": (
                    ["auto", *GUIDANCE],
                    {
                        "default": "auto",
                        "tooltip": "How cfg runs over the steps. rising: from 1 to cfg. early: at the noisiest steps alone, which is fast. "
                        "authors: AniSora V1's curve to the letter, which jumps about. open: only where no later drawing decides. auto: the release's.",
                    },
                ),
                "faster_cache": (
                    "BOOLEAN",
                    {
                        "default": False,
                        "tooltip": "V1, 50 steps: guess half of the passes and two of three attentions from step 18 on, as its authors' "
                        "program does. Needs much memory.",
                    },
                ),
                "low_noise_model": (
                    "MODEL",
                    {
                        "tooltip": "V3.2's second model, when something was done to it, as a LoRA. Else the loader's is used."
                    },
                ),
            },
        }

    def sample(
        self,
        model: Any,
        positive: list[list[Any]],
        negative: list[list[Any]],
        latent: dict[str, Any],
        release: Release,
        seed: int,
        steps: int,
        cfg: float,
        shift: float,
        sampler: str,
        guidance: Guidance | Literal["auto"] = "auto",
        faster_cache: bool = False,
        low_noise_model: Any = None,
    ) -> tuple[dict[str, Any]]:
        plan = plan_sampling(
            release,
            steps=steps or None,
            sampler=None if sampler == "auto" else sampler,
            shift=shift or None,
            cfg_scale=cfg or None,
            guidance=None if guidance == "auto" else guidance,
            faster_cache=faster_cache,
        )
        seen = positive[0][1]
        if "concat_latent_image" not in seen:
            raise ValueError("positive: no guide in it; connect the outputs of AniSora Guide")
        if release.has_clip_vision and "clip_vision_output" not in seen:
            raise ValueError(
                f"positive: release {release.name} looks at the first drawing through CLIP; connect clip_vision to AniSora Guide"
            )
        samples = host.sample(model, low_noise_model, positive, negative, latent, plan, seed)
        return ({"samples": samples},)


class AniSoraSamplerSelect:
    CATEGORY = "AniSora/custom sampling"
    DESCRIPTION = "One of AniSora's samplers for the host's custom sampling nodes: the authors' UniPC differs from the host's own."
    SEARCH_ALIASES = ("KSamplerSelect", "unipc", "选择采样器", "サンプラー")
    RETURN_TYPES = ("SAMPLER",)
    RETURN_NAMES = ("sampler",)
    FUNCTION = "pick"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        tip = "unipc: V2 to V3.2. euler: mini. sde_dpmpp_2m: V1. optimal: Euler over AniSora Sigmas' list of steps."
        return {"required": {"sampler": (list(SAMPLER_NAMES), {"default": "unipc", "tooltip": tip})}}

    def pick(self, sampler: str) -> tuple[Any]:
        return (host.solver(sampler),)


class AniSoraSigmas:
    CATEGORY = "AniSora/custom sampling"
    DESCRIPTION = "The release's noise levels, for the host's custom sampling nodes. 0 means its own setting."
    SEARCH_ALIASES = ("scheduler", "noise schedule", "调度器", "スケジューラー")
    RETURN_TYPES = ("SIGMAS",)
    RETURN_NAMES = ("sigmas",)
    FUNCTION = "list"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        known = AniSoraSampler.INPUT_TYPES()["required"]
        return {"required": {name: known[name] for name in ("release", "steps", "shift", "sampler")}}

    def list(self, release: Release, steps: int, shift: float, sampler: str) -> tuple[Tensor]:
        plan = plan_sampling(
            release,
            steps=steps or None,
            sampler=None if sampler == "auto" else sampler,
            shift=shift or None,
        )
        return (torch.tensor(plan.sigmas, dtype=torch.float32),)


class AniSoraDecode:
    CATEGORY = "AniSora"
    DESCRIPTION = "Latents to frames, a few at a time, so that long clips fit into memory."
    SEARCH_ALIASES = ("VAE decode", "latent to frames", "解码", "デコード")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": ("LATENT", {"tooltip": "From the sampler."}),
                "vae": ("VAE", {"tooltip": "The release's VAE."}),
                "latents_per_chunk": (
                    "INT",
                    {
                        "default": 4,
                        "min": 1,
                        "max": 64,
                        "tooltip": "Latents decoded at once; fewer need less memory, same result. V1 decodes as its authors do.",
                    },
                ),
            },
            "optional": {
                "save_latents": (
                    "BOOLEAN",
                    {
                        "default": False,
                        "tooltip": "Keep the latents in output/latents before decoding, for Load Latent: long work is safe then.",
                    },
                ),
            },
        }

    def decode(
        self, samples: dict[str, Any], vae: Any, latents_per_chunk: int, save_latents: bool = False
    ) -> tuple[Tensor]:
        latent = samples["samples"]
        if not torch.isfinite(latent).all():
            raise ValueError(
                "samples: latents are not finite; sample again in bfloat16 or float32, or with a lower cfg"
            )
        if save_latents:
            log.info("latents saved as %s", host.save_latent(latent))
        frames: list[Tensor] = []
        with host.Progress(latent.shape[0] * LatentGrid().num_frames(latent.shape[2]), "frame") as progress:
            for run in host.decode(vae, latent, latents_per_chunk):
                frames.append(run)
                progress.update(sum(len(part) for part in frames), run[-1:])
        return (torch.cat(frames),)
