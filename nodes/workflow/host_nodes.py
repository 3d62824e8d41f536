"""Stand-ins for the few nodes of ComfyUI that shared workflows use, written from their documented behaviour.

INPUT_TYPES list widgets in their saved order, those of newer hosts last.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...anisora_core.domain.atomic_write import write_numbered
from ...anisora_core.media.images import read_image_and_alpha
from ...anisora_core.media.pictures import write_picture
from ...anisora_core.media.tensors import to_bytes
from ...anisora_core.media.video import write_mp4
from ..host.standalone import input_file

Schema = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Video:
    frames_FHWC: Tensor
    fps: float


@dataclass
class OutputFolder:
    """Where saved files go; `files` lists them in order."""

    path: Path
    files: list[Path]

    @contextmanager
    def new_file(self, prefix: str, suffix: str) -> Generator[Path]:
        """What is written to the path becomes the first free `PREFIX_00001_SUFFIX`. ValueError when the prefix leads out of
        the folder."""
        target = self.path / f"{prefix}_"
        if not target.resolve().is_relative_to(self.path.resolve()):
            raise ValueError(f"filename_prefix {prefix!r} points outside the output folder; use a plain name")
        with write_numbered(target.parent, target.name.removesuffix("_"), suffix) as file:
            yield file.part
        self.files.append(file.path)


class LoadImage:
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        return {"required": {"image": ("STRING",)}, "optional": {"upload": ("STRING",)}}

    def load(self, image: str, **_: Any) -> tuple[Tensor, Tensor]:
        """Colours as stored; MASK is 1 where the picture is transparent."""
        colours, alpha = read_image_and_alpha(input_file(image))
        return colours[None], torch.zeros(1, 64, 64) if alpha is None else 1.0 - alpha[None]


class LoadImageMask:
    RETURN_TYPES = ("MASK",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        channels = ["alpha", "red", "green", "blue"]
        return {
            "required": {"image": ("STRING",), "channel": (channels,)},
            "optional": {"upload": ("STRING",)},
        }

    def load(self, image: str, channel: str, **_: Any) -> tuple[Tensor]:
        colours, mask = LoadImage().load(image)
        return (mask if channel == "alpha" else colours[..., "rgb".index(channel[0])],)


class CLIPTextEncode:
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "encode"

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        return {"required": {"text": ("STRING",), "clip": ("CLIP",)}}

    def encode(self, clip: Any, text: str) -> tuple[Any]:
        return (clip.encode_from_tokens_scheduled(clip.tokenize(text)),)


class VAEDecode:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        return {"required": {"samples": ("LATENT",), "vae": ("VAE",)}}

    def decode(self, vae: Any, samples: dict[str, Any]) -> tuple[Tensor]:
        return (vae.decode(samples["samples"]).flatten(0, 1),)


class CreateVideo:
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "create"

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        return {
            "required": {"images": ("IMAGE",), "fps": ("FLOAT", {"min": 1.0, "max": 120.0})},
            "optional": {"audio": ("AUDIO",), "bit_depth": ("INT",)},
        }

    def create(self, images: Tensor, fps: float, **_: Any) -> tuple[Video]:
        return (Video(images, fps),)


class SaveVideo:
    RETURN_TYPES = ()
    FUNCTION = "save"
    IS_OUTPUT = True

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        return {
            "required": {"video": ("VIDEO",), "filename_prefix": ("STRING",)},
            "optional": {"format": ("STRING",), "codec": ("STRING",)},
        }

    def save(self, output: OutputFolder, video: Video, filename_prefix: str, **_: Any) -> tuple[()]:
        with output.new_file(filename_prefix, ".mp4") as part:
            write_mp4(to_bytes(video.frames_FHWC), part, video.fps)
        return ()


class SaveImage:
    RETURN_TYPES = ()
    FUNCTION = "save"
    IS_OUTPUT = True

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        return {"required": {"images": ("IMAGE",)}, "optional": {"filename_prefix": ("STRING",)}}

    def save(
        self, output: OutputFolder, images: Tensor, filename_prefix: str = "ComfyUI", **_: Any
    ) -> tuple[()]:
        for frame in to_bytes(images):
            with output.new_file(filename_prefix, ".png") as part:
                write_picture(frame, part)
        return ()


class PreviewImage(SaveImage):
    """Without a browser, a preview is a file too."""

    @classmethod
    def INPUT_TYPES(cls) -> Schema:
        return {"required": {"images": ("IMAGE",)}}


HOST_NODES: dict[str, type] = {
    node.__name__: node
    for node in (
        LoadImage,
        LoadImageMask,
        CLIPTextEncode,
        VAEDecode,
        CreateVideo,
        SaveVideo,
        SaveImage,
        PreviewImage,
    )
}
