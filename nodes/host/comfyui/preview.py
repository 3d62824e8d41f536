"""The node's bar, a preview that plays while the next step is computed, and the host's interrupt."""

from __future__ import annotations

import contextvars
from collections.abc import Sequence
from threading import Event, Thread
from types import TracebackType

import comfy.model_management
import comfy.utils
import numpy as np
from comfy_execution.progress import get_progress_state
from comfy_execution.utils import get_executing_context
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..pace import Pace

#: Longest side of a preview and height of its caption, in pixels.
SIDE, CAPTION = 384, 22


class Progress:
    """`update` after each step, with the clip as it stands; it raises the host's interrupt. Use it in a `with`.

    Frames go out one by one as still previews, which every front end shows; so the clip moves while a step takes its time.
    """

    def __init__(self, total: int, unit: str = "step") -> None:
        self.total, self.done, self.pace = total, 0, Pace(total, unit)
        self.bar = comfy.utils.ProgressBar(total)
        self.pictures: Sequence[Image.Image] = ()
        self.seconds_per_picture = 0.25
        self.shown, self.ended = 0, Event()
        self.player: Thread | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        if self.player is not None:
            self.player.join()

    def update(self, done: int, clip_FHWC: Tensor | None = None, seconds_per_frame: float = 0.25) -> None:
        """Frames are 0..1, small or large; without new ones the last stay, with a new caption."""
        comfy.model_management.throw_exception_if_processing_interrupted()
        self.done = done
        caption = self.pace.caption(done)
        if clip_FHWC is None:
            self.bar.update_absolute(done, self.total)
            return
        self.pictures = [pictured(frame, caption) for frame in clip_FHWC]
        self.seconds_per_picture = seconds_per_frame
        self.bar.update_absolute(done, self.total, self.next_picture())
        if self.player is None and len(self.pictures) > 1:
            self.player = Thread(target=contextvars.copy_context().run, args=(self.play,), daemon=True)
            self.player.start()

    def next_picture(self) -> tuple[str, Image.Image, int]:
        self.shown += 1
        return "JPEG", self.pictures[self.shown % len(self.pictures)], SIDE + CAPTION

    def play(self) -> None:
        """Not through the host's bar: that takes the user's interrupt, which belongs to the thread that computes."""
        context = get_executing_context()
        while context is not None and not self.ended.wait(self.seconds_per_picture):
            get_progress_state().update_progress(context.node_id, self.done, self.total, self.next_picture())


def pictured(frame_HWC: Tensor, caption: str) -> Image.Image:
    """A frame at preview size, over a line of text."""
    pixels = (frame_HWC.clamp(0.0, 1.0) * 255.0).byte().cpu().numpy().astype(np.uint8)
    picture = Image.fromarray(pixels)
    scale = SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    page = Image.new("RGB", (size[0], size[1] + CAPTION), (24, 24, 27))
    page.paste(picture.resize(size, Image.Resampling.BICUBIC))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(page).text((6, size[1] + 3), caption, fill=(212, 212, 216), font=font)
    return page
