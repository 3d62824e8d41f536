from __future__ import annotations

import pytest
import torch
from comfyui_anisora.anisora_core.conditioning.areas import (
    PaintedArea,
    area_over_time,
    fit_mask,
    motion_over_time,
    shapes_between,
)
from comfyui_anisora.anisora_core.conditioning.masks import feather

SIZE = 40


def square(left: int, top: int = 10, side: int = 8) -> torch.Tensor:
    mask = torch.zeros(SIZE, SIZE)
    mask[top : top + side, left : left + side] = 1.0
    return mask


def disc(radius: float, x: float = 20.0, y: float = 20.0) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return ((rows - y) ** 2 + (columns - x) ** 2 <= radius**2).float()


def test_a_square_that_travels_is_in_the_middle_half_way():
    """Further apart than they are wide: mixing distances alone would lose them."""
    (half,) = shapes_between(square(2), square(30), 1)
    torch.testing.assert_close(half, square(16))


def test_a_shape_that_grows_has_the_middle_size_half_way():
    (half,) = shapes_between(disc(4), disc(12), 1)
    assert abs(float(half.sum()) - float(disc(8).sum())) < 0.1 * float(disc(8).sum())


def test_keys_are_exact_and_hold_outside():
    soft = feather(square(20)[None], 3.0)[0]
    frames = area_over_time(((2, square(4)), (6, soft)), 9)
    for frame, expected in ((0, square(4)), (2, square(4)), (6, soft), (8, soft)):
        assert torch.equal(frames[frame], expected), frame
    centres = [float((row.sum(0) * torch.arange(SIZE)).sum() / row.sum()) for row in frames[2:7]]
    assert centres == sorted(centres)
    torch.testing.assert_close(torch.tensor(centres), torch.linspace(7.5, 23.5, 5), atol=0.5, rtol=0)


def test_softness_lasts_between_keys():
    soft = feather(square(8, side=12)[None], 4.0)[0]
    (half,) = shapes_between(soft, soft.roll(8, 1), 1)
    assert float((half - soft.roll(4, 1)).abs().max()) < 0.12  # eight levels
    assert float(((half > 0.05) & (half < 0.95)).sum()) > 100


@pytest.mark.parametrize(("ends", "sign"), [((1.0, 0.0), -1), ((0.0, 1.0), 1)])
def test_a_shape_vanishes_and_appears_bit_by_bit(ends, sign):
    sizes = shapes_between(disc(12) * ends[0], disc(12) * ends[1], 4).sum((1, 2)) * sign
    assert (sizes.diff() > 0).all()
    assert 0 < float(sizes.abs().min()) < float(sizes.abs().max()) < float(disc(12).sum())


def test_masks_without_an_outline_do_not_raise():
    nothing, everything = torch.zeros(SIZE, SIZE), torch.ones(SIZE, SIZE)
    assert float(shapes_between(nothing, nothing, 2).max()) == 0.0
    assert float(shapes_between(everything, everything, 2).min()) == 1.0
    torch.testing.assert_close(shapes_between(nothing, everything, 1), torch.full((1, SIZE, SIZE), 0.5))
    grown = shapes_between(disc(6), everything, 3).sum((1, 2))
    assert (grown.diff() > 0).all()


def test_a_shape_cut_by_the_border_stays_at_it():
    """A body that the picture cuts has no edge there, also when it drifts."""
    body = torch.zeros(SIZE, SIZE)
    body[20:, 10:20] = 1.0
    later = torch.zeros(SIZE, SIZE)
    later[14:, 20:30] = 1.0
    (half,) = shapes_between(body, later, 1)
    assert float(half[-1, 16:24].min()) == 1.0


def test_areas_unite_and_still_ones_are_taken_away():
    hair, hand, face = square(2), square(20), square(6)
    area = motion_over_time(
        [PaintedArea(((0, hair),)), PaintedArea(((3, hand),)), PaintedArea(((0, face),), still=True)],
        5, SIZE, SIZE,
    )  # fmt: skip
    assert torch.equal(area, (torch.maximum(hair, hand) * (1 - face)).expand(5, -1, -1))


def test_the_area_starts_as_the_subject_and_as_everything_without_one():
    assert float(motion_over_time([], 3, SIZE, SIZE).min()) == 1.0
    still = PaintedArea(((0, square(6)),), still=True)
    assert torch.equal(motion_over_time([still], 2, SIZE, SIZE)[1], 1 - square(6))
    subject = disc(10)[None]
    assert torch.equal(motion_over_time([still], 2, SIZE, SIZE, subject)[1], disc(10) * (1 - square(6)))


@pytest.mark.parametrize(("fit", "left"), [("crop", 0.0), ("stretch", 0.5)])
def test_a_mask_follows_its_drawing_into_the_clip(fit, left):
    """Painted on the left quarter of a 2:1 drawing, which a square clip cuts off, or squeezes in."""
    mask = torch.zeros(20, 40)
    mask[:, :10] = 1.0
    fitted = fit_mask(mask, 40, 40, fit)
    assert fitted.shape == (40, 40)
    assert float(fitted[:, :20].mean()) == pytest.approx(left, abs=0.03)
