"""Captions of drawings: read from files beside them, made from file names or by a model, and joined with the trigger."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..domain.atomic_write import write_beside
from ..domain.json_text import parse_json
from ..media.frames import read_frames

if TYPE_CHECKING:
    from .training_folder import Item

_NAME_KEYS = ("file_name", "image", "image_path", "video", "video_path", "path", "media_path")
_TEXT_KEYS = ("text", "caption", "prompt")


def compose_caption(caption: str, trigger: str, *, shuffle: bool, keep: int, rng: np.random.Generator) -> str:
    """The text that a drawing is trained with: the trigger, unless the caption contains it, and then the caption.

    `shuffle`: its comma-separated tags after the first `keep` in random order.
    """
    if shuffle:
        tags = _tags(caption)
        rest = tags[keep:]
        caption = ", ".join(tags[:keep] + [rest[index] for index in rng.permutation(len(rest))])
    caption, trigger = caption.strip(), trigger.strip()
    if _as_whole_words(trigger).search(caption):
        return caption
    return ", ".join(part for part in (trigger, caption) if part)


def without_trigger(caption: str, trigger: str) -> str:
    """The caption for a model that does not know the style: the trigger is taken out."""
    return ", ".join(_tags(_as_whole_words(trigger.strip()).sub("", caption))).strip(" .")


def _tags(caption: str) -> list[str]:
    return [tag for tag in map(str.strip, caption.split(",")) if tag]


def _as_whole_words(trigger: str) -> re.Pattern[str]:
    """Matches in upper and lower case."""
    return re.compile(rf"(?<!\w){re.escape(trigger)}(?!\w)", re.IGNORECASE)


def caption_beside(path: Path) -> str | None:
    """The text of the `.txt` file of the same name, on one line; None when there is none, ValueError when it cannot be read."""
    beside = path.with_suffix(".txt")
    try:
        if beside.exists() and not beside.is_file():  # a pipe would never end
            raise ValueError("has a caption that is not a file")
        text = beside.read_text("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"has a caption file that cannot be opened ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("has a caption that is not UTF-8 text; save its .txt again as UTF-8") from None
    return _one_line(text)


def captions_in_jsonl(path: Path) -> tuple[dict[Path, str], list[str]]:
    """(captions by absolute path, what is wrong with the other lines). Names in the file are relative to its folder."""
    captions: dict[Path, str] = {}
    wrong: list[str] = []
    lines = path.read_bytes().decode("utf-8-sig", errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            wrong.append(
                f"line {number} is not a JSON object with one of {', '.join(_NAME_KEYS)}; correct or remove it"
            )
            continue
        name, text = entry
        named = os.path.abspath(path.parent / name)
        if os.path.isfile(named):
            captions[Path(named)] = _one_line(text)
        else:
            wrong.append(
                f"line {number} names {name!r}, which does not exist; correct the name or remove the line"
            )
    return captions, wrong


def captions_from_names(items: Iterable[Item]) -> Iterator[tuple[Path, str]]:
    """Each file with the words of its name; "" when the name holds only numbers, signs and codes such as 3f9c."""
    for item in items:
        words = [word.strip("0123456789") for word in re.findall(r"[^\W_]+(?:'[^\W_]+)*", item.path.stem)]
        yield item.path, " ".join(word for word in words if word and not re.search(r"\d", word))


def captions_by_model(paths: Sequence[Path], folder_of_model: Path) -> Iterator[tuple[Path, str]]:
    """Each file with a caption by an image-to-text model of transformers (BLIP, GIT); of clips it sees the first frame.

    The model is read from a folder on this machine and nothing is downloaded. ValueError when the model or transformers
    is missing. Pictures are read one at a time while iterating, which raises ValueError at a damaged one.
    """
    try:
        from transformers import AutoModelForImageTextToText, AutoProcessor
    except ImportError:
        raise ValueError(
            "captions by a model need transformers 4.46 or newer: pip install -U transformers"
        ) from None
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        processor = cast(Any, AutoProcessor).from_pretrained(folder_of_model, local_files_only=True)
        model = cast(Any, AutoModelForImageTextToText).from_pretrained(folder_of_model, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(
            f"folder {str(folder_of_model)!r} holds no captioning model that transformers can read ({reason}); "
            "download one whole, for example Salesforce/blip-image-captioning-base, and give its folder"
        ) from None
    model = model.to(device).eval()

    def caption_of(path: Path) -> str:
        inputs = processor(images=read_frames(path, 1.0, 1)[0], return_tensors="pt").to(device)
        with torch.inference_mode():
            tokens = model.generate(**inputs, max_new_tokens=60)
        return _one_line(processor.batch_decode(tokens, skip_special_tokens=True)[0])

    return ((path, caption_of(path)) for path in paths)


def write_captions(pairs: Iterable[tuple[Path, str]], overwrite: bool = False) -> list[Path]:
    """Write each caption as `.txt` beside its picture; returns the files written.

    Empty captions are not written, and existing `.txt` files are kept unless `overwrite`: an artist may have written them.
    """
    written: list[Path] = []
    for path, caption in pairs:
        target = path.with_suffix(".txt")
        if not caption or (target.exists() and not overwrite):
            continue
        with write_beside(target) as part:
            part.write_text(caption + "\n", "utf-8")
        written.append(target)
    return written


def _entry(line: str) -> tuple[str, str] | None:
    """(name, text) of a line; None when it is not an object that names a file."""
    try:
        entry: Any = parse_json(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    fields = {key: value for key, value in cast(dict[str, Any], entry).items() if isinstance(value, str)}
    name = next((fields[key] for key in _NAME_KEYS if fields.get(key)), None)
    return (name, next((fields[key] for key in _TEXT_KEYS if key in fields), "")) if name else None


def _one_line(text: str) -> str:
    """JSON may hold half of a surrogate pair, which cannot be written as UTF-8 and becomes a question mark."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
