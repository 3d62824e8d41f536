"""Our text encoders as the host's CLIP."""

# pyright: reportUntypedBaseClass=false
from __future__ import annotations

import comfy.model_management
import comfy.sd
import comfy.supported_models_base
import torch
from torch import Tensor, nn

from ....anisora_core.encoders.t5 import PAD, T5TextEncoder
from .objects import ModelPatcher

PromptTokens = dict[str, list[list[tuple[int, float]]]]
KEY = "anisora"


class Tokenizer:
    """Prompts -> the host's form of tokens, (id, weight) with padding. AniSora knows no weights: all are 1."""

    def __init__(self, encoder: T5TextEncoder) -> None:
        self.encoder = encoder

    def tokenize_with_weights(
        self, text: str, return_word_ids: bool = False, **options: object
    ) -> PromptTokens:
        padded, _ = self.encoder.tokenize([text])
        return {KEY: [[(int(token), 1.0) for token in padded[0]]]}

    def untokenize(self, tokens: list[tuple[int, float]]) -> list[tuple[tuple[int, float], str]]:
        return [(token, "") for token in tokens]

    def state_dict(self) -> dict[str, Tensor]:
        return {}


class Encoder(nn.Module):
    """What the host's CLIP calls: tokens -> features."""

    disable_offload = True  # newer hosts: no dynamic loading, as transformers' layers cannot be streamed

    def __init__(self, encoder: T5TextEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.dtypes = {next(encoder.parameters()).dtype}

    def encode_token_weights(self, tokens: PromptTokens) -> tuple[Tensor, None]:
        ids = torch.tensor([[token for token, _ in tokens[KEY][0]]])
        return self.encoder.encode_tokens(ids, (ids != PAD).long()), None

    def set_clip_options(self, options: dict[str, object]) -> None:
        """T5 has no layers to pick."""

    def reset_clip_options(self) -> None:
        """T5 has no layers to pick."""

    def load_sd(self, sd: dict[str, Tensor]) -> object:
        return self.load_state_dict(sd, strict=False)


class HostCLIP(comfy.sd.CLIP):
    def load_model(self, *_: object) -> ModelPatcher:
        """Whole or not at all: transformers' layers cannot be streamed."""
        comfy.model_management.load_models_gpu([self.patcher], force_full_load=True)
        return self.patcher

    def clone(self, *arguments: object, **named: object) -> HostCLIP:
        copied = super().clone(*arguments, **named)
        copied.__class__ = HostCLIP
        return copied


def clip_of(encoder: T5TextEncoder) -> HostCLIP:
    target = comfy.supported_models_base.ClipTarget(
        lambda **_: Tokenizer(encoder), lambda **_: Encoder(encoder)
    )
    dtype = next(encoder.parameters()).dtype
    size = sum(parameter.numel() for parameter in encoder.parameters())
    return HostCLIP(
        target, parameters=size, model_options={"dtype": dtype, "initial_device": torch.device("cpu")}
    )
