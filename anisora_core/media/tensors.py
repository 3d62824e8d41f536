"""The three forms that frames have, and the only conversions between them.

- pixels: uint8 0..255, channels last (HWC, FHWC), as files hold them;
- frames: float 0..1, channels last, as ComfyUI's IMAGE;
- video: float -1..1, channels first (CHW, CFHW), as the VAEs take and give it.

The order of the float operations is part of each function: `x / 2 + 0.5` and `(x + 1) / 2` differ in their last bits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_bytes(frames: Tensor) -> np.ndarray:
    """Frames -> pixels, rounded; what is outside 0..1 is clamped."""
    return (frames.clamp(0.0, 1.0) * 255.0).round().byte().cpu().numpy()


def to_floats(pixels: np.ndarray) -> Tensor:
    """Pixels of any shape -> float 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255.0


def to_video(pixels_FHWC: np.ndarray) -> Tensor:
    """Pixels, uint8 or float 0..255 -> video_CFHW."""
    return torch.from_numpy(np.ascontiguousarray(pixels_FHWC)).permute(3, 0, 1, 2).float() / 127.5 - 1.0


def centred(frames: Tensor) -> Tensor:
    """Frames -> video: HWC -> CHW, FHWC -> CFHW."""
    return frames.movedim(-1, 0) * 2.0 - 1.0


def uncentred(video_CFHW: Tensor) -> Tensor:
    """Video -> frames_FHWC on its device and in its precision; values outside -1..1 stay outside 0..1."""
    return video_CFHW.movedim(0, -1) / 2.0 + 0.5


def to_frames(video_CFHW: Tensor) -> Tensor:
    """A VAE's decoded video -> frames_FHWC, float32 on the CPU, clamped to 0..1."""
    return uncentred(video_CFHW.float().cpu()).clamp(0.0, 1.0)
