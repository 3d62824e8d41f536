"""What we use of ComfyUI's objects, which it does not type itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, Required, TypedDict

import torch
from torch import Tensor, nn

from ..protocol import ClipVisionOutput


class LatentFormat(Protocol):
    """`latent_rgb_factors`: the linear map of latents to colours that previews use."""

    latent_rgb_factors: Sequence[Sequence[float]] | None
    latent_rgb_factors_bias: Sequence[float] | None

    def process_out(self, latent: Tensor, /) -> Tensor: ...


class ModelSampling(Protocol):
    def timestep(self, sigma: Tensor, /) -> Tensor: ...
    def noise_scaling(
        self, sigma: Tensor, noise: Tensor, latent_image: Tensor | None, max_denoise: bool, /
    ) -> Tensor: ...
    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor, /) -> Tensor: ...


class BaseModel(Protocol):
    diffusion_model: nn.Module
    latent_format: LatentFormat
    model_sampling: ModelSampling

    def state_dict(self) -> dict[str, Tensor]: ...


class ModelPatcher(Protocol):
    """What ComfyUI sends along wires as MODEL."""

    model: BaseModel

    def clone(self) -> ModelPatcher: ...
    def add_patches(self, patches: Mapping[str, object], strength: float, /) -> object: ...
    def add_object_patch(self, name: str, value: object, /) -> None: ...
    def get_model_object(self, name: Literal["model_sampling"], /) -> ModelSampling: ...
    def get_attachment(self, name: str, /) -> object: ...
    def set_attachments(self, name: str, value: object, /) -> None: ...


class Guider(Protocol):
    """What a SAMPLER is called with."""

    inner_model: BaseModel


class SamplerArguments(TypedDict, total=False):
    """`extra_args` of a SAMPLER, which are handed on to the model."""

    seed: int | None


class GuidedPrediction(TypedDict):
    """What a function after classifier-free guidance is called with."""

    denoised: Tensor
    cond_denoised: Tensor


class ModelInputs(TypedDict, total=False):
    """What a model is asked to make its inputs of: noise, device, and the values of a CONDITIONING."""

    noise: Required[Tensor]
    device: Required[torch.device]
    cross_attn: Tensor | None
    concat_latent_image: Tensor | None
    concat_mask: Tensor | None
    clip_vision_output: ClipVisionOutput | None
