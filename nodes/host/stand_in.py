"""The few host nodes that shared workflows use, for running them without a host. Written from their documented behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...anisora_core.checkpoints.files import write_beside
from .images import read_image
from .standalone import input_file
from .video import to_bytes, write_mp4


@dataclass(frozen=True)
class Video:
    frames_FHWC: Tensor
    fps: float


@dataclass
class OutputFolder:
    """Where saved files go; `files` lists them in order."""

    path: Path
    files: list[Path]

    def next_file(self, prefix: str, suffix: str) -> Path:
        number = 1
        while (target := self.path / f"{prefix}_{number:05}_{suffix}").exists():
            number += 1
        self.files.append(target)
        return target


class LoadImage:
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load"

    def load(self, image: str, **_: Any) -> tuple[Tensor, Tensor]:
        """MASK is 1 where the picture is transparent."""
        from PIL import Image

        path = input_file(image)
        pixels = read_image(path)
        with Image.open(path) as picture:
            has_alpha = "A" in picture.getbands()
            alpha = np.asarray(picture.getchannel("A"), np.float32) / 255.0 if has_alpha else None
        mask = torch.zeros(1, 64, 64) if alpha is None else 1.0 - torch.from_numpy(alpha)[None]
        return pixels[None], mask


class LoadImageMask:
    RETURN_TYPES = ("MASK",)
    FUNCTION = "load"

    def load(self, image: str, channel: str = "red", **_: Any) -> tuple[Tensor]:
        if channel == "alpha":
            return (1.0 - LoadImage().load(image)[1],)
        return (read_image(input_file(image))[None, ..., "rgb".index(channel[0])],)


class CLIPTextEncode:
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "encode"

    def encode(self, clip: Any, text: str) -> tuple[Any]:
        return (clip.encode_from_tokens_scheduled(clip.tokenize(text)),)


class VAEDecode:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "decode"

    def decode(self, vae: Any, samples: dict[str, Any]) -> tuple[Tensor]:
        return (vae.decode(samples["samples"]).flatten(0, 1),)


class CreateVideo:
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "create"

    def create(self, images: Tensor, fps: float, **_: Any) -> tuple[Video]:
        return (Video(images, fps),)


class SaveVideo:
    RETURN_TYPES = ()
    FUNCTION = "save"
    IS_OUTPUT = True

    def save(
        self, output: OutputFolder, video: Video, filename_prefix: str = "video/ComfyUI", **_: Any
    ) -> tuple[()]:
        write_mp4(to_bytes(video.frames_FHWC), output.next_file(filename_prefix, ".mp4"), video.fps)
        return ()


class SaveImage:
    RETURN_TYPES = ()
    FUNCTION = "save"
    IS_OUTPUT = True

    def save(
        self, output: OutputFolder, images: Tensor, filename_prefix: str = "ComfyUI", **_: Any
    ) -> tuple[()]:
        from PIL import Image

        for frame in to_bytes(images):
            with write_beside(output.next_file(filename_prefix, ".png")) as part:
                Image.fromarray(frame).save(part)
        return ()


class PreviewImage(SaveImage):
    """Without a browser, a preview is a file too."""


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
#: Widgets of host nodes in their saved order, for UI-format workflows.
HOST_WIDGETS: dict[str, tuple[str, ...]] = {
    "LoadImage": ("image", "upload"),
    "LoadImageMask": ("image", "channel", "upload"),
    "CLIPTextEncode": ("text",),
    "CreateVideo": ("fps",),
    "SaveVideo": ("filename_prefix", "format", "codec"),
    "SaveImage": ("filename_prefix",),
}
