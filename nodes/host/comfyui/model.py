"""Our transformers as the host's MODEL, so that its samplers, LoRA loaders, offloading and compiling work on them."""

# pyright: reportUntypedBaseClass=false
from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import ClassVar, Unpack

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.model_sampling
import comfy.ops
import comfy.supported_models_base
import comfy.utils
import torch
from torch import Tensor, nn

from ....anisora_core.diffusion.prediction import Flow, Prediction, Velocity, to_vp
from ....anisora_core.diffusion.schedules import TRAINED_STEPS, cogvideox_sigmas
from ....anisora_core.domain.latents import NormalizedLatent, RawLatent
from ....anisora_core.domain.protocols import Ops
from ....anisora_core.domain.release import Release
from ....anisora_core.families import Family, VideoTransformer, VideoVAE, family_of
from .conditioning import (
    given_of,
    in_window,
    refuse_missing_inputs,
    refuse_other_channels,
    refuse_patches,
)
from .objects import ModelInputs, ModelPatcher, ModelSampling


@cache
def host_kind(kind: type[VideoTransformer]) -> type[VideoTransformer]:
    """A class of networks that is called as the host calls its diffusion models."""

    class HostTransformer(kind):  # type: ignore[misc, valid-type]
        def forward(  # type: ignore[override]
            self, x: Tensor, timestep: Tensor, context: Tensor, clip_fea: Tensor | None = None, **_: object
        ) -> Tensor:
            return super().forward(x, timestep, context, clip_fea)

    return HostTransformer


class Latents(comfy.latent_formats.LatentFormat):
    """Statistics of a VAE's latents, and the linear map to colours that the host's previews use."""

    latent_channels = 16
    latent_dimensions = 3

    def __init__(self, vae: VideoVAE, family: Family, latent_rgb: Tensor | None) -> None:
        self.normalize, self.process_out = statistics_of(vae)
        self.taesd_decoder_name = None
        self.latent_rgb_factors = self.latent_rgb_factors_bias = None
        if family.host_latent_format:
            known = getattr(comfy.latent_formats, family.host_latent_format)
            self.latent_rgb_factors = known.latent_rgb_factors
            self.latent_rgb_factors_bias = known.latent_rgb_factors_bias
        if latent_rgb is not None:  # ours gives 0..1, the host's previewer expects -1..1
            self.latent_rgb_factors = (2.0 * latent_rgb[:, :-1]).T.tolist()
            self.latent_rgb_factors_bias = (2.0 * latent_rgb[:, -1] - 1.0).tolist()

    def process_in(self, latent: Tensor) -> Tensor:  # type: ignore[override]
        refuse_other_channels("latent", latent, self.latent_channels)
        return self.normalize(RawLatent(latent))


def statistics_of(
    vae: VideoVAE,
) -> tuple[Callable[[RawLatent], NormalizedLatent], Callable[[NormalizedLatent], RawLatent]]:
    """The VAE's normalize and denormalize, holding its configuration but none of its weights."""
    with torch.device("meta"):
        bare = type(vae)(vae.config)
    return bare.normalize, bare.denormalize


class FlowOfVelocity(comfy.model_sampling.ModelSamplingDiscreteFlow, comfy.model_sampling.CONST):
    """CogVideoX's v-prediction on the flow's noise levels (see `sigma_of_alpha`): the host's flow samplers serve it.

    `steps`: the authors' table for so many steps.
    """

    def __init__(self, steps: int) -> None:
        nn.Module.__init__(self)
        self.predicted, self.shift, self.multiplier = Velocity(steps), 1.0, 1000
        self.register_buffer("sigmas", torch.tensor(cogvideox_sigmas(steps)[:-1]).flip(0))

    def timestep(self, sigma: Tensor) -> Tensor:
        return torch.full_like(sigma, self.predicted.timestep(float(sigma.flatten()[0])))

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        return to_vp(noise, float(sigma.flatten()[0]))

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        return self.predicted.denoised(model_input, float(sigma.flatten()[0]), model_output)


def truncated(found: ModelSampling) -> ModelSampling:
    """As Wan's own scheduler hands int(1000 sigma) to the network; float32 sigmas miss whole numbers by up to 6e-5."""
    kind: type = type(found)

    class Truncated(kind):  # type: ignore[misc]
        untruncated = kind

        def timestep(self, sigma: Tensor) -> Tensor:
            return (super().timestep(sigma.double()) + 1e-4).floor().to(sigma)

    changed = copy.copy(found)
    changed.__class__ = Truncated
    return changed


def untruncated(found: ModelSampling) -> ModelSampling:
    """As the sampler `optimal` needs it, whatever the release's own sampler takes."""
    changed = copy.copy(found)
    changed.__class__ = getattr(type(found), "untruncated", type(found))
    return changed


def sampling_of(predicted: Prediction, found: ModelSampling) -> ModelSampling:
    """The host's model sampling for what a network predicts; `found` is that of the flow, shifted as the artist has it."""
    if isinstance(predicted, Velocity):
        return FlowOfVelocity(predicted.steps)
    return truncated(found) if isinstance(predicted, Flow) and predicted.truncate_timestep else found


class AniSoraModel(comfy.model_base.BaseModel):
    """The host's base model around one of our networks; reads the guide from the host's own conditioning keys."""

    def __init__(self, config: Config, network: VideoTransformer, release: Release) -> None:
        super().__init__(config, comfy.model_base.ModelType.FLOW)
        self.diffusion_model = network
        found = family_of(release).prediction(release, TRAINED_STEPS)
        self.model_sampling = sampling_of(found, self.model_sampling)
        archive = getattr(comfy.model_management, "archive_model_dtypes", None)
        if archive is not None:  # hosts with dynamic loading
            archive(network)

    def concat_cond(self, **kwargs: Unpack[ModelInputs]) -> Tensor:
        """Packed mask and guide, in that order (AniSora paper, section 4.1); zeros where no guide is given."""
        noise, device = kwargs["noise"], kwargs["device"]
        guide = kwargs.get("concat_latent_image")
        channels = self.diffusion_model.config.out_channels
        refuse_missing_inputs(kwargs)
        refuse_other_channels("latent", noise, channels)
        more = self.diffusion_model.config.in_channels - 2 * noise.shape[1]  # of the mask
        if guide is None:
            return noise.new_zeros(noise.shape[0], noise.shape[1] + more, *noise.shape[2:]).to(device)
        refuse_other_channels("guide", guide, channels)
        if guide.shape[2:] != noise.shape[2:]:
            raise ValueError(
                f"latent is {tuple(noise.shape[2:])}, but the guide is {tuple(guide.shape[2:])} (frames, height, width); "
                "take the latent from the same AniSora Guide"
            )
        parts = [self.process_latent_in(guide.to(device))]
        if more:
            mask = kwargs.get("concat_mask")
            given = (
                guide.new_zeros(1, more, *guide.shape[2:]) if mask is None else given_of(mask, more, guide)
            )
            parts.insert(0, given.to(device))
        return torch.cat([comfy.utils.resize_to_batch_size(part, noise.shape[0]) for part in parts], dim=1)

    def _apply_model(
        self,
        x: Tensor,
        t: Tensor,
        c_concat: Tensor | None = None,
        c_crossattn: Tensor | None = None,
        control: object = None,
        transformer_options: Mapping[str, object] = MappingProxyType({}),
        **kwargs: object,
    ) -> Tensor:
        refuse_patches(transformer_options)
        if c_concat is not None:
            c_concat = in_window(c_concat, x, transformer_options)
        return super()._apply_model(x, t, c_concat, c_crossattn, control, transformer_options, **kwargs)

    def extra_conds(self, **kwargs: Unpack[ModelInputs]) -> dict[str, object]:
        out: dict[str, object] = super().extra_conds(**kwargs)
        text = kwargs.get("cross_attn")
        if text is not None:  # padding is part of the text, so texts are not repeated to one length
            out["c_crossattn"] = comfy.conds.CONDRegular(text)
        seen = kwargs.get("clip_vision_output")
        reads = getattr(self.diffusion_model.config, "has_image_branch", False)
        if reads and seen is None:
            raise ValueError(
                "this model needs the first drawing encoded by CLIP; give the node before the sampler a clip_vision_output "
                "(CLIP Vision Encode), or use AniSora Guide"
            )
        if reads and seen is not None:
            out["clip_fea"] = comfy.conds.CONDRegular(seen.penultimate_hidden_states)
        return out


class Config(comfy.supported_models_base.BASE):
    """What the host asks of a model's configuration."""

    unet_extra_config: ClassVar[dict[str, object]] = {}
    supported_inference_dtypes: ClassVar[list[torch.dtype]] = [torch.bfloat16, torch.float16, torch.float32]

    def __init__(self, network: VideoTransformer, latents: Latents, shift: float) -> None:
        super().__init__({"disable_unet_model_creation": True})
        self.latent_format = latents
        self.sampling_settings = {"shift": shift}
        self.memory_usage_factor = network.config.dim / 2222  # as the host counts for Wan


def model_of(
    load: Callable[[], VideoTransformer], vae: VideoVAE, release: Release, latent_rgb: Tensor | None
) -> ModelPatcher:
    """A ModelPatcher around what `load` gives, made of the host's operations; hosts may load it again, from disk."""
    latents = Latents(vae, family_of(release), latent_rgb)

    def patcher(disable_dynamic: bool = False) -> ModelPatcher:
        network = load()
        network.__class__ = host_kind(type(network))
        config = Config(network, latents, release.shift)
        config.set_inference_dtype(network.dtype, manual_cast_of(network.dtype))
        kind = comfy.model_patcher.ModelPatcher
        if not disable_dynamic:
            kind = getattr(comfy.model_patcher, "CoreModelPatcher", kind)
        device, offload = (
            comfy.model_management.get_torch_device(),
            comfy.model_management.unet_offload_device(),
        )
        made = kind(AniSoraModel(config, network, release), device, offload)
        made.cached_patcher_init = (patcher, ())
        return made

    return patcher()


def manual_cast_of(dtype: torch.dtype) -> torch.dtype | None:
    device = comfy.model_management.get_torch_device()
    return comfy.model_management.unet_manual_cast(dtype, device, Config.supported_inference_dtypes)


def operations_for(dtype: torch.dtype) -> Ops:
    return comfy.ops.disable_weight_init if manual_cast_of(dtype) is None else comfy.ops.manual_cast
