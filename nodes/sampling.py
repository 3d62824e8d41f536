"""Noise to latents, latents to frames."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from ..anisora_core.domain.conditions import Guide, Hold
from ..anisora_core.generate import decode_frames, run_length
from ..anisora_core.releases import GUIDANCE, Guidance, Release
from ..anisora_core.sampling import SAMPLER_NAMES, Words, sample, settings_of
from . import host
from .types import RELEASE, ModelHandle, VaeHandle


class AniSoraSampler:
    CATEGORY = "AniSora"
    DESCRIPTION = (
        "Make the clip's latents from noise, guided by words and drawings. 0 means the release's own setting."
    )
    RETURN_TYPES = ("LATENT",)
    RETURN_NAMES = ("latent",)
    FUNCTION = "sample"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": ("MODEL", {"tooltip": "From AniSora Model Loader."}),
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
                        "tooltip": "How cfg runs over the steps. rising: from 1 to cfg. authors: AniSora V1's curve to the letter, "
                        "which jumps about. auto: the release's.",
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
            },
        }

    def sample(
        self,
        model: ModelHandle,
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
    ) -> tuple[dict[str, Any]]:
        if not isinstance(model, ModelHandle):
            raise ValueError(
                "model: AniSora Sampler takes the model of AniSora Model Loader in this version; use KSampler for others"
            )
        settings = settings_of(
            release,
            steps=steps or None,
            sampler=None if sampler == "auto" else sampler,
            shift=shift or None,
            cfg_scale=cfg or None,
            guidance=None if guidance == "auto" else guidance,
            faster_cache=faster_cache,
        )
        guide = guide_of(positive, latent, model)
        words = Words(text_of(positive), text_of(negative), image_of(positive, release))
        progress = host.Progress(settings.steps)
        x = guide.latent_BCTHW
        for step in sample(model.transformer, guide, words, settings, seed):
            progress.update(step.index + 1, preview(step.denoised, model, step.index))
            x = step.x
        return ({"samples": model.vae.denormalize(x).cpu()},)


def text_of(conditioning: list[list[Any]]) -> Tensor:
    if len(conditioning) != 1:
        raise ValueError(
            f"conditioning: {len(conditioning)} prompts came in; AniSora Sampler takes one each, so write them into one text"
        )
    return conditioning[0][0]


def image_of(conditioning: list[list[Any]], release: Release) -> Tensor | None:
    """The first drawing's image tokens, as the host's CLIP Vision Encode leaves them."""
    found = conditioning[0][1].get("clip_vision_output")
    if found is not None:
        return found.penultimate_hidden_states
    if release.has_clip_vision and "concat_latent_image" in conditioning[0][1]:
        raise ValueError(
            f"positive: release {release.name} looks at the first drawing through CLIP; connect clip_vision to AniSora Guide"
        )
    return None


def guide_of(conditioning: list[list[Any]], latent: dict[str, Any], model: ModelHandle) -> Guide:
    """Read the guide back from the host's conditioning keys (raw latents) and a masked latent."""
    values = conditioning[0][1]
    if "concat_latent_image" not in values:
        raise ValueError("positive: no guide in it; connect the outputs of AniSora Guide")
    normalize, device = model.vae.normalize, host.device()
    guide = normalize(values["concat_latent_image"].to(device))
    hold = None
    if "noise_mask" in latent:
        held = latent["samples"].to(device)
        if held.shape != guide.shape:
            raise ValueError(
                "latent: another size than the guide's; connect the latent of the same AniSora Guide"
            )
        hold = Hold(normalize(held), host.from_noise_mask(latent["noise_mask"].to(device), held.shape[2:]))
    mask = (
        host.from_concat_mask(values["concat_mask"]).to(device) if "concat_mask" in values else guide[:, :0]
    )
    return Guide(guide, mask, hold)


def preview(denoised_BCTHW: Tensor, model: ModelHandle, index: int) -> Tensor | None:
    """One frame of the clip as it stands, HWC 0..1; each step shows the next one, so the preview moves."""
    if model.latent_rgb is None:
        return None
    frame = denoised_BCTHW[0, :, index % denoised_BCTHW.shape[2]].float().cpu()
    weight, bias = model.latent_rgb[:, :-1], model.latent_rgb[:, -1]
    rgb = torch.einsum("kc,chw->hwk", weight, frame) + bias
    return rgb.clamp(0.0, 1.0)


class AniSoraDecode:
    CATEGORY = "AniSora"
    DESCRIPTION = "Latents to frames, a few at a time, so that long clips fit into memory."
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
            }
        }

    def decode(self, samples: dict[str, Any], vae: Any, latents_per_chunk: int) -> tuple[Tensor]:
        latent = samples["samples"]
        if not torch.isfinite(latent).all():
            raise ValueError(
                "samples: latents are not finite; sample again in bfloat16 or float32, or with a lower cfg"
            )
        if not isinstance(vae, VaeHandle):
            return (vae.decode(latent).flatten(0, -4),)
        frames: list[Tensor] = []
        chunks_per_clip = -(-latent.shape[2] // run_length(vae.vae, latents_per_chunk))
        progress = host.Progress(latent.shape[0] * chunks_per_clip)
        for clip in latent.split(1):
            for chunk in decode_frames(vae.vae, vae.vae.normalize(clip), latents_per_chunk=latents_per_chunk):
                frames.append(chunk)
                progress.update(len(frames))
        return (torch.cat(frames),)
