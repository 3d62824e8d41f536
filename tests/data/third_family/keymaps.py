"""Names in other people's files."""

from __future__ import annotations

PIXEL_FROM_OTHERS: dict[str, str] = {
    "embed.{wb}": "pixel_embedding.{wb}",
    "caption.{wb}": "caption_embedding.{wb}",
    "time.{wb}": "clock.{wb}",
    "layers.{i}.fc1.{wb}": "blocks.{i}.up.{wb}",
    "layers.{i}.fc2.{wb}": "blocks.{i}.down.{wb}",
    "out.{wb}": "pixel_head.{wb}",
}
