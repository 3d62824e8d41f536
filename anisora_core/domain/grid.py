"""All arithmetic between pixel frames and latents: strides, legal lengths and sizes, positions.

A causal video VAE keeps the first frame as a latent of its own; every further latent stands for
`frames_per_latent` pixel frames. No other module divides by a stride.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LatentGrid:
    """Strides of a VAE and the patch of its transformer (4, 8 and 2 for every Wan-family release).

    `size_multiple` is what width and height must divide by, so that patches fill the picture. `latents_per_run`: clips
    hold whole runs of so many latents after the first (2 for CogVideoX, whose VAE decodes in pairs).
    """

    frames_per_latent: int = 4
    pixels_per_latent: int = 8
    patch: int = 2
    latents_per_run: int = 1

    @property
    def size_multiple(self) -> int:
        return self.pixels_per_latent * self.patch

    @property
    def frames_multiple(self) -> int:
        """Legal lengths are 1 + a multiple of this."""
        return self.frames_per_latent * self.latents_per_run

    def latent_frames(self, num_frames: int) -> int:
        """Pixel frames -> latent frames. Raises ValueError naming the nearest legal length."""
        if num_frames < 1 or (num_frames - 1) % self.frames_multiple:
            raise ValueError(
                f"length {num_frames} does not fit the VAE (1 + a multiple of {self.frames_multiple} frames); "
                f"use {self.nearest_length(num_frames)}"
            )
        return (num_frames - 1) // self.frames_per_latent + 1

    def longest_within(self, num_frames: int) -> int:
        """The longest legal length of at most `num_frames`, at least 1."""
        return max(0, num_frames - 1) // self.frames_multiple * self.frames_multiple + 1

    def num_frames(self, latent_frames: int) -> int:
        return (latent_frames - 1) * self.frames_per_latent + 1

    def nearest_length(self, num_frames: int) -> int:
        """The legal length closest to `num_frames`; of two equally close ones the longer."""
        step = self.frames_multiple
        return max(0, num_frames - 1 + step // 2) // step * step + 1

    def latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, int, int]:
        """(T, H, W) of the latent. Raises ValueError when length or size are off the grid."""
        self.check_size(height, width)
        return (
            self.latent_frames(num_frames),
            height // self.pixels_per_latent,
            width // self.pixels_per_latent,
        )

    def check_size(self, height: int, width: int) -> None:
        """ValueError names the side that is off and the nearest legal one."""
        step = self.size_multiple
        for name, pixels in (("width", width), ("height", height)):
            nearest = max(1, (pixels + step // 2) // step) * step
            if pixels != nearest:
                raise ValueError(f"{name} {pixels} is not a multiple of {step} pixels; use {nearest}")

    def latent_of_frame(self, frame: int) -> int:
        """The latent frame that pixel frame `frame` is part of."""
        return (frame + self.frames_per_latent - 1) // self.frames_per_latent

    def fit_area(self, area: int, height: int, width: int) -> tuple[int, int]:
        """(height, width) of about `area` pixels with the aspect of height:width, rounded down to the grid.

        Upstream's rule (Index-anisora, image2video): floor(sqrt(area * aspect) / 8 / 2) * 2 latents.
        """
        step = self.size_multiple

        def side(numerator: int, denominator: int) -> int:
            return max(1, int((area * numerator / denominator) ** 0.5 / step)) * step

        return side(height, width), side(width, height)
