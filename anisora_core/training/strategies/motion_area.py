"""The paper's motion areas, from clips (AniSora paper, section 4.2.2): the area that moves is the mask of the first frame, and
latents outside of it stand still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ...conditioning.guide import Encoder, canvas_of_keyframes, keyframe_mask, locked_video
from ...conditioning.masks import latent_area, pack_mask
from ...data.training_folder import Item
from ...domain.conditions import GuideRules, PlacedKeyframe, Timeline
from ...domain.release import Release
from ...evaluation.metrics.motion_amount import moving_pixels
from ...media.tensors import to_floats, to_video
from ..lora.examples import Example, ExampleEncoders, Motion, frames_of
from ..lora.options import StepShares
from ..lora.recipe import LoraRecipe
from .encoding import ExampleEncoder
from .strategy import Strategy

#: uint8 frames_FHWC -> bool [F, H, W]: what is foreground, or moves.
Foreground = Callable[[np.ndarray], np.ndarray]
#: Pixels that an area reaches beyond what moved: motion between the frames goes a little further.
MARGIN = 3


def moving(frames_FHWC: np.ndarray) -> np.ndarray:
    """Without a detector: the pixels that optical flow finds moving, at either of two frames."""
    between = moving_pixels(frames_FHWC)
    return np.concatenate([between, between[-1:]]) | np.concatenate([between[:1], between])


def detector(folder: Path) -> Foreground:
    """A transformers segmentation or salient-object model in a local folder, run on every frame.

    ValueError when it is not one, or transformers cannot load it.
    """
    if not folder.is_dir():  # transformers would try to download it
        raise ValueError(
            f"detector {folder} is not a folder; give that of a transformers segmentation model, or leave it empty"
        )
    try:
        from transformers import pipeline

        found: Any = pipeline("image-segmentation", model=str(folder))
    except (ImportError, OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"detector {folder} is not a transformers segmentation model ({reason}); give the folder of one, or leave it empty"
        ) from None

    def foreground(frames_FHWC: np.ndarray) -> np.ndarray:
        rows = [found(Image.fromarray(frame)) for frame in frames_FHWC]
        masks = [
            [np.asarray(part["mask"]) > 127 for part in row if part["label"] != "background"] for row in rows
        ]
        empty = np.zeros(frames_FHWC.shape[1:3], bool)
        return np.stack([np.logical_or.reduce([empty, *parts]) for parts in masks])

    return foreground


def area_of(frames_FHWC: np.ndarray, foreground: Foreground) -> Tensor:
    """The union over all frames, a little wider: area_HW, 1 = may move."""
    union = torch.from_numpy(foreground(frames_FHWC).any(0)).float()
    return F.max_pool2d(union[None, None], 2 * MARGIN + 1, stride=1, padding=MARGIN)[0, 0]


def area_example(
    frames_FHWC: np.ndarray, fps: float, area_HW: Tensor, rules: GuideRules, encode: Encoder
) -> dict[str, Tensor]:
    """latent, guide and mask. The first frame is given, with the area as its mask; outside of it latents are those of that frame
    standing still."""
    num_frames, height, width, _ = frames_FHWC.shape
    timeline = Timeline(num_frames, fps, height, width)
    placed = [PlacedKeyframe(0, to_floats(frames_FHWC[0]), 1.0)]
    area_FHW = area_HW.expand(num_frames, -1, -1)
    canvas = keyframe_mask(canvas_of_keyframes(placed, timeline, rules.between), placed, area_FHW)
    latent = encode(to_video(frames_FHWC)[None])[0]
    held = encode(locked_video(placed, timeline)[None])[0]
    moves = latent_area(area_FHW, rules.grid).to(latent)
    return {
        "latent": torch.lerp(held, latent, moves),
        "guide": encode(canvas.video_CFHW[None])[0],
        "mask": pack_mask(canvas.given_mask_FHW, rules.grid, rules.mask_resize),
    }


class MotionAreaStrategy(Strategy):
    """Every step is on a clip with its area given."""

    needs = "motion area"
    needs_mask = True

    def kinds_of(self, item: Item, recipe: LoraRecipe) -> Iterator[str]:
        if item.num_frames > 1:
            yield "area"

    def example_encoder(self, recipe: LoraRecipe) -> ExampleEncoder:
        foreground = detector(Path(recipe.data.detector)) if recipe.data.detector else moving

        def encode(
            example: Example, release: Release, encoders: ExampleEncoders, seed: int
        ) -> tuple[dict[str, Tensor], Motion]:
            frames, motion = frames_of(example, release, example.rng(seed))
            area = area_of(frames, foreground)
            tensors = area_example(frames, example.fps, area, release.guide_rules, encoders.encode)
            if encoders.encode_image:
                tensors["image"] = encoders.encode_image(to_floats(frames[:1]))[0]
            return tensors, motion

        return encode

    def step_shares(self, recipe: LoraRecipe) -> StepShares:
        return StepShares(still_share=0.0, move_share=0.0, given_share=1.0, prior_preservation=0.0)


STRATEGY = MotionAreaStrategy()
