"""Noise to latents, latents to frames."""

from __future__ import annotations

import logging
from typing import Any, Literal

import torch
from torch import Tensor

from ..anisora_core.domain.grid import LatentGrid
from ..anisora_core.domain.release import GUIDANCE, Guidance, Release
from ..anisora_core.generation.plan import SAMPLER_NAMES, SamplingPlan, plan_sampling
from .host import host, save_latent
from .host.protocol import Conditioning, HostLatent, Model, Sampler, Vae
from .inputs import InputSpec, advanced, choice, decimal, integer, of_release, socket, switch
from .wire_types import RELEASE

log = logging.getLogger(__name__)


def settings_inputs() -> dict[str, InputSpec]:
    """What is the release's own unless it is set."""
    return {
        "steps": of_release(
            integer(
                0,
                0,
                1000,
                "Number of sampling steps; more are slower and finer. 0: the release's default.",
            ),
            lambda release: release.steps,
        ),
        "cfg": of_release(
            decimal(
                0.0,
                0.0,
                30.0,
                0.1,
                "Classifier-free guidance scale: how closely the prompt is followed. 0: the release's default.",
            ),
            lambda release: release.cfg_scale,
        ),
        "shift": of_release(
            decimal(
                0.0,
                0.0,
                100.0,
                0.1,
                "Timestep shift: a higher one spends more steps at high noise, on layout and motion. 0: the "
                "release's default.",
            ),
            lambda release: None if release.small_shift else release.shift,
        ),
        "sampler": of_release(
            choice(["auto", *SAMPLER_NAMES], "auto", "auto: the release's default."),
            lambda release: release.sampler,
        ),
    }


def guidance_input() -> InputSpec:
    tip = (
        "CFG schedule. auto: the release's default. constant: cfg at every step. rising: from 1 up to "
        "cfg. early: cfg at the noisiest steps only, then 1; fast. authors: V1 reference, the uneven "
        "curve of AniSora V1's own program. open: cfg at every step, but not between two keyframes or "
        "outside the motion area."
    )
    return advanced(of_release(choice(["auto", *GUIDANCE], "auto", tip), lambda release: release.guidance))


def low_noise_input() -> InputSpec:
    return socket(
        "MODEL",
        "V3.2's low noise model: connect it if the model was changed, for example by a LoRA. Not "
        "connected: the loader's is used.",
    )


def plan_of(
    release: Release,
    steps: int,
    shift: float,
    sampler: str,
    cfg: float = 0.0,
    guidance: Guidance | Literal["auto"] = "auto",
    faster_cache: bool = False,
    latent: HostLatent | None = None,
    size: tuple[int, int] | None = None,
) -> SamplingPlan:
    """0 and `auto` are the release's own, which the clip's size (height, width), or that of its `latent`, can decide."""
    if latent is not None:
        height, width = (side * release.grid.pixels_per_latent for side in latent["samples"].shape[-2:])
        size = height, width
    return plan_sampling(
        release,
        steps=steps or None,
        sampler=None if sampler == "auto" else sampler,
        shift=shift or None,
        cfg_scale=cfg or None,
        guidance=None if guidance == "auto" else guidance,
        faster_cache=faster_cache,
        size=size,
    )


class AniSoraSampler:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Sample the clip's latents from noise with the prompt and the guide. 0 means the release's default."
    )
    SEARCH_ALIASES = ("KSampler", "generate", "denoise", "preview", "采样", "サンプリング", "生成")
    RETURN_TYPES = ("LATENT",)
    RETURN_NAMES = ("latent",)
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": socket(
                    "MODEL",
                    "From AniSora Model Loader, or another loader that loads a model of this release.",
                ),
                "positive": socket("CONDITIONING", "From AniSora Guide."),
                "negative": socket("CONDITIONING", "From AniSora Guide."),
                "latent": socket("LATENT", "From AniSora Guide."),
                "release": socket(RELEASE, "From the loader."),
                "seed": integer(
                    0,
                    0,
                    0xFFFFFFFFFFFFFFFF,
                    "The same seed gives the same clip.",
                    control_after_generate=True,
                ),
                **settings_inputs(),
            },
            "optional": {
                "guidance": guidance_input(),
                "faster_cache": advanced(
                    switch(
                        False,
                        "FasterCache, for V1 with 50 steps: from step 18 on, half of the model's passes and two of three "
                        "attentions are extrapolated from earlier steps, as in AniSora V1's own program. Needs much "
                        "memory.",
                    )
                ),
                "low_noise_model": low_noise_input(),
            },
        }

    def sample(
        self,
        model: Model,
        positive: Conditioning,
        negative: Conditioning,
        latent: HostLatent,
        release: Release,
        seed: int,
        steps: int,
        cfg: float,
        shift: float,
        sampler: str,
        guidance: Guidance | Literal["auto"] = "auto",
        faster_cache: bool = False,
        low_noise_model: Model | None = None,
    ) -> tuple[HostLatent]:
        plan = plan_of(release, steps, shift, sampler, cfg, guidance, faster_cache, latent)
        seen = positive[0][1]
        if "concat_latent_image" not in seen:
            raise ValueError("positive: the guide is missing; connect the outputs of AniSora Guide")
        if release.has_clip_vision and "clip_vision_output" not in seen:
            raise ValueError(
                f"positive: release {release.name} needs the first drawing encoded by CLIP; connect clip_vision to AniSora Guide"
            )
        samples = host.sample(model, low_noise_model, positive, negative, latent, plan, seed)
        return ({"samples": samples},)


class AniSoraSamplerSelect:
    CATEGORY = "AniSora/custom sampling"
    DESCRIPTION = (
        "One of AniSora's samplers for ComfyUI's custom sampling nodes. AniSora's UniPC differs from "
        "ComfyUI's own."
    )
    SEARCH_ALIASES = ("KSamplerSelect", "unipc", "选择采样器", "サンプラー")
    RETURN_TYPES = ("SAMPLER",)
    RETURN_NAMES = ("sampler",)
    FUNCTION = "pick"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        tip = (
            "Defaults: unipc for V2 to V3.2 and anymask, euler for mini, sde_dpmpp_2m for V1. optimal: "
            "Euler, with the steps that AniSora Sigmas gives for optimal."
        )
        return {"required": {"sampler": choice(SAMPLER_NAMES, "unipc", tip)}}

    def pick(self, sampler: str) -> tuple[Sampler]:
        return (host.sampler(sampler),)


class AniSoraSigmas:
    CATEGORY = "AniSora/custom sampling"
    DESCRIPTION = (
        "The release's noise levels (sigmas) for ComfyUI's custom sampling nodes. 0 means the release's "
        "default."
    )
    SEARCH_ALIASES = ("scheduler", "noise schedule", "调度器", "スケジューラー")
    RETURN_TYPES = ("SIGMAS",)
    RETURN_NAMES = ("sigmas",)
    FUNCTION = "list"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        known = AniSoraSampler.INPUT_TYPES()["required"]
        return {
            "required": {name: known[name] for name in ("release", "steps", "shift", "sampler")},
            "optional": {
                "latent": socket(
                    "LATENT",
                    "From AniSora Guide, for V2: its default shift depends on the clip's size. Not connected: 5.",
                )
            },
        }

    def list(
        self, release: Release, steps: int, shift: float, sampler: str, latent: HostLatent | None = None
    ) -> tuple[Tensor]:
        plan = plan_of(release, steps, shift, sampler, latent=latent)
        return (torch.tensor(plan.sigmas, dtype=torch.float32),)


class AniSoraDecode:
    CATEGORY = "AniSora"
    DESCRIPTION = "Decode latents to frames, a few at a time, so that long clips fit into memory."
    SEARCH_ALIASES = ("VAE decode", "latent to frames", "解码", "デコード")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "samples": socket("LATENT", "From the sampler."),
                "vae": socket("VAE", "The release's VAE."),
                "latents_per_chunk": advanced(
                    integer(
                        4,
                        1,
                        64,
                        "Latent frames decoded at once; fewer need less memory, with the same result. V1 and V1-RL "
                        "ignore it: they are decoded as by their own programs.",
                    )
                ),
            },
            "optional": {
                "save_latents": advanced(
                    switch(
                        False,
                        "Save the latents to output/latents before decoding, so that they are not lost if decoding "
                        "fails. Load Latent reads them.",
                    )
                ),
            },
        }

    def decode(
        self, samples: HostLatent, vae: Vae, latents_per_chunk: int, save_latents: bool = False
    ) -> tuple[Tensor]:
        latent = samples["samples"]
        if not torch.isfinite(latent).all():
            raise ValueError(
                "samples: latents are not finite; sample again in bfloat16 or float32, or with a lower cfg"
            )
        if save_latents:
            log.info("latents saved as %s", save_latent(latent, host.output_folder()))
        frames: list[Tensor] = []
        with host.progress(latent.shape[0] * LatentGrid().num_frames(latent.shape[2]), "frame") as progress:
            for run in host.decode(vae, latent, latents_per_chunk):
                frames.append(run)
                progress.update(sum(len(part) for part in frames), run[-1:])
        return (torch.cat(frames),)
