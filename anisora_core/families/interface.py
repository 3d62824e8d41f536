"""What every family of models has, and what it must answer. Code outside this folder asks; it never asks which family it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..diffusion.prediction import Prediction
from ..domain.file_kind import FileKind
from ..domain.grid import LatentGrid
from ..domain.keymap import Table
from ..domain.latents import NormalizedLatent, RawLatent
from ..domain.protocols import AttentionLayer
from ..domain.release import Release
from ..domain.text_rules import TextRules
from ..layers.posterior import Posterior


class VideoTransformer(nn.Module):
    """A denoising network. `config` says at least `in_channels`, `out_channels`, `dim` and `text_dim`."""

    config: Any
    blocks: nn.ModuleList

    @property
    def dtype(self) -> torch.dtype:
        """What inputs must come in; noise levels and sampler state stay float32 outside."""
        raise NotImplementedError

    @property
    def image_dim(self) -> int:
        """Width of the image features that it reads; 0 for none."""
        return 0

    def forward(
        self, x_BCTHW: Tensor, timestep: Tensor, text_BLD: Tensor, image_BLD: Tensor | None = None
    ) -> Tensor:
        """Noise, packed mask and guide on channels; timestep 0..1000, [B] -> the network's prediction, BCTHW."""
        raise NotImplementedError


class VideoVAE(nn.Module):
    """video_BCFHW in -1..1 <-> raw latent_BCTHW. `encoder` and `decoder` are modules of its own."""

    config: Any
    grid: LatentGrid
    #: Whether runs of any length give the same pixels, so that a decoder short of memory may take shorter ones.
    any_run_length: ClassVar[bool] = True
    #: Arguments of `encode` and `decode` for the least memory, with the same result.
    encodes_with: ClassVar[Mapping[str, int]] = MappingProxyType({})
    decodes_with: ClassVar[Mapping[str, int]] = MappingProxyType({})

    def encode(self, video_BCFHW: Tensor) -> Posterior:
        raise NotImplementedError

    def encode_in_runs(self, video_BCFHW: Tensor) -> Posterior:
        """As `encode`, in the least memory that the VAE can do with."""
        return self.encode(video_BCFHW, **self.encodes_with)

    def decode(self, latent_BCTHW: RawLatent) -> Tensor:
        """Raw latents -> video_BCFHW, not clamped."""
        raise NotImplementedError

    def decode_chunks(self, latent_BCTHW: RawLatent, *, latents_per_chunk: int) -> Iterator[Tensor]:
        """Raw latents -> runs of video_BCFHW, not clamped."""
        raise NotImplementedError

    def run_length(self, num_latents: int, wanted: int | None = None) -> int:
        """Latents decoded at once of a clip of `num_latents`, when `wanted` are asked for."""
        raise NotImplementedError

    def normalize(self, raw_latent: RawLatent) -> NormalizedLatent:
        raise NotImplementedError

    def denormalize(self, latent: NormalizedLatent) -> RawLatent:
        raise NotImplementedError


@dataclass(frozen=True)
class LoraNames:
    """`tables`: makers' names of the transformer's parameters -> ours. `forms`: form of a LoRA file -> what stands before a layer's
    name, and the table of names (None: ours). `trained_as`: the form that training writes. `architecture`: modelspec's word.
    """

    tables: tuple[Table, ...]
    forms: Mapping[str, tuple[str, Table | None]]
    trained_as: str
    architecture: str


class BlockMemory(ABC):
    """Sizes of a release's transformer, counted without loading it. Bytes where not said otherwise."""

    num_blocks: int
    dim: int

    @property
    @abstractmethod
    def weights_per_block(self) -> int:
        """Numbers in a block's linear layers."""

    @property
    @abstractmethod
    def other_weights(self) -> int:
        """Numbers outside of the blocks."""

    @property
    @abstractmethod
    def largest_layer(self) -> int:
        """Numbers in the largest linear layer of a block."""

    @abstractmethod
    def adapter_weights(self, rank: int) -> int:
        """Numbers in a LoRA on all linear layers of one block."""

    @abstractmethod
    def activations(self, tokens: int, rank: int) -> float:
        """What a block with a LoRA keeps for the backward pass, in bfloat16 under autocast."""


class Family(ABC):
    """One object for each family, the `FAMILY` of its `family.py`."""

    #: The folder's name, which releases give; and the word that people use.
    name: ClassVar[str]
    title: ClassVar[str]
    #: Where its releases stand in lists.
    order: ClassVar[int]
    transformer: ClassVar[type[VideoTransformer]]
    vae: ClassVar[type[VideoVAE]]
    #: Parameters that only its transformer has, by our names.
    telling_parameters: ClassVar[tuple[str, ...]]
    text_rules: ClassVar[TextRules]
    releases: ClassVar[tuple[Release, ...]]
    #: Of transformers and VAEs, in every published form.
    file_kinds: ClassVar[tuple[FileKind, ...]]
    lora: ClassVar[LoraNames]
    #: Named in the error for a VAE that is not this family's.
    vae_name: ClassVar[str]
    #: ComfyUI's class of latent formats with colours for previews, and whether it has this network itself.
    host_latent_format: ClassVar[str] = ""
    is_native_to_host: ClassVar[bool] = False

    @abstractmethod
    def takes(self, release: Release, transformer: VideoTransformer) -> bool:
        """Whether a transformer of this family can be one of the release."""

    @abstractmethod
    def prediction(self, release: Release, steps: int) -> Prediction:
        """What the network predicts, when it is sampled in so many steps."""

    @abstractmethod
    def sigmas(self, steps: int, shift: float, start: float) -> tuple[float, ...]:
        """Noise levels for sampling, descending, ending at 0. `start`: where the sampler's grid begins, at most 1."""

    def prepared_vae(self, vae: VideoVAE, release: Release) -> VideoVAE:
        """The VAE as the release uses it."""
        return vae

    def cacheable_attention(self, transformer: VideoTransformer) -> Sequence[AttentionLayer]:
        """Layers that FasterCache may skip; none where it was not made for the family."""
        return ()

    def block_memory(self, release: Release) -> BlockMemory | None:
        """For the memory planner; None for a family that is not planned for."""
        return None
