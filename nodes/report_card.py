"""A report card of a clip, and of a second one beside it, in the graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..anisora_core.domain.atomic_write import write_numbered
from ..anisora_core.media.tensors import to_bytes, to_floats
from .host import host
from .inputs import decimal, socket, text


class AniSoraReportCard:
    CATEGORY = "AniSora"
    DESCRIPTION = "Measure a clip: motion, flicker, colour drift, lines, held drawings, and its likeness to a true clip. Compare it with a second one."
    SEARCH_ALIASES = (
        "evaluate",
        "metrics",
        "quality",
        "compare clips",
        "PSNR",
        "SSIM",
        "flicker",
        "评估",
        "评分",
        "比較",
        "評価レポート",
    )
    RETURN_TYPES = ("IMAGE", "STRING", "STRING")
    RETURN_NAMES = ("card", "report", "page")
    FUNCTION = "measure"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "images": socket("IMAGE", "The clip's frames, from AniSora Decode or another node."),
                "fps": decimal(16.0, 0.1, 240.0, 0.01, "Frames per second of the clip."),
            },
            "optional": {
                "compared": socket("IMAGE", "A second clip, measured beside the first."),
                "reference": socket("IMAGE", "The true clip: PSNR, SSIM and L1 are measured against it."),
                "drawing": socket("IMAGE", "The drawing that the clip begins with: keyframe fidelity, and drift from it."),
                "motion_mask": socket("MASK", "What may move, in white: motion-mask precision is measured."),
                "prompt": text("", "Shown on the page."),
            },
        }  # fmt: skip

    def measure(
        self,
        images: Tensor,
        fps: float,
        compared: Tensor | None = None,
        reference: Tensor | None = None,
        drawing: Tensor | None = None,
        motion_mask: Tensor | None = None,
        prompt: str = "",
    ) -> dict[str, Any]:
        # OpenCV and SciPy are loaded when they are needed, not when the host starts.
        from ..anisora_core.evaluation.report_card.card_page import page_of
        from ..anisora_core.evaluation.report_card.card_table import table_of
        from ..anisora_core.evaluation.report_card.clip_card import ClipFacts, clip_card

        clips = {"images": images} | ({} if compared is None else {"compared": compared})
        facts = ClipFacts(
            fps,
            reference_FHWC=None if reference is None else to_bytes(reference[..., :3]),
            drawing_HWC=None if drawing is None else to_bytes(drawing[0, ..., :3]),
            motion_HW=None if motion_mask is None else to_bytes(whole_area(motion_mask)),
            prompt=prompt,
        )
        with host.progress(1, "card") as progress:
            card, picture = clip_card({name: to_bytes(clip[..., :3]) for name, clip in clips.items()}, facts)
            progress.update(1)
        with write_numbered(host.output_folder(), "report_card", ".html") as file:
            file.part.write_text(page_of(card, "AniSora report card"), "utf-8")
        report = "\n".join(table_of(card))
        return {"ui": {"text": [report]}, "result": (to_floats(picture)[None], report, str(file.path))}


def whole_area(mask: Tensor) -> Tensor:
    """[H, W] or [F, H, W] -> [H, W]: what is white in any frame."""
    return (mask if mask.ndim == 2 else torch.amax(mask, dim=0)).float()
