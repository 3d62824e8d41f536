"""T5 vocabularies where artists have them: inside an encoder's file, beside it, or where the host keeps its own.

Nothing is downloaded. A tokenizer counts when its pieces fit the encoder's embedding, so the one of another model that
happens to lie there is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..domain.weights import Weights
from .t5 import Tokenize

log = logging.getLogger(__name__)
#: ComfyUI packs the sentencepiece model into the encoder's safetensors, as a uint8 tensor of this name.
EMBEDDED = "spiece_model"
#: In a folder, the first of these that is there: the authors read `tokenizer.json` where both are.
FILES = ("tokenizer.json", "spiece.model", "sentencepiece.bpe.model")
#: Under the encoder's folder and the one above it, as the authors' and diffusers' folders have them.
FOLDERS = (
    "google/umt5-xxl",
    "google/t5-v1_1-xxl",
    "t5-v1_1-xxl",
    "t5-v1_1-xxl_new",
    "t5-v1_1-xxl-new",
    "tokenizer",
)
PUBLISHED = "https://huggingface.co/google/umt5-xxl (for Wan's umT5) or https://huggingface.co/google/t5-v1_1-xxl (for V1's T5)"
#: Rows of an embedding beyond its pieces: sentinels that sentencepiece does not count (umT5: 300) and rounding up.
_SPARE_ROWS = 1024
_IN_GGUF = tuple(
    f"tokenizer.ggml.{name}" for name in ("tokens", "scores", "token_type", "precompiled_charsmap")
)
#: Types of pieces in GGUF.
_NORMAL, _UNKNOWN, _BYTE = 1, 2, 6


@dataclass(frozen=True)
class Tokenizer:
    source: str
    num_pieces: int
    tokenize: Tokenize

    def fits(self, vocabulary: int) -> bool:
        return 0 <= vocabulary - self.num_pieces < _SPARE_ROWS


def find_tokenizer(weights: Weights, vocabulary: int, folder: Path | None = None) -> Tokenizer:
    """The first that fits `vocabulary` rows: in the file (ComfyUI's tensor, GGUF's metadata), beside it, in `folder`.

    ValueError when there is none, saying where it was looked for and where it is published.
    """
    others: list[str] = []
    for tokenizer in candidates(weights, folder):
        if tokenizer.fits(vocabulary):
            log.info("tokenizer: %s, %d pieces", tokenizer.source, tokenizer.num_pieces)
            return tokenizer
        others.append(f"{tokenizer.source} has {tokenizer.num_pieces} pieces")
    seen = f" ({'; '.join(others)}; the encoder has {vocabulary} rows)" if others else ""
    raise ValueError(
        f"text encoder {weights.source.name} comes without its tokenizer{seen}; put {' or '.join(FILES)} into "
        f"{folder_of(weights.source)} or one of its folders {', '.join(FOLDERS)}; published: {PUBLISHED}"
    )


def candidates(weights: Weights, folder: Path | None) -> Iterator[Tokenizer]:
    """In the order in which they count."""
    if EMBEDDED in weights.entries:
        proto = weights.entries[EMBEDDED].read().numpy().tobytes()
        yield from_sentencepiece(proto, f"{weights.source} ({EMBEDDED})")
    yield from from_gguf(weights)
    for place in places(weights.source, folder):
        if place.is_file():
            yield read_tokenizer(place)


def places(source: Path, folder: Path | None) -> list[Path]:
    """Where tokenizer files may lie, as `candidates` tries them."""
    here = folder_of(source)
    folders = [here, *(base / name for base in (here, here.parent) for name in FOLDERS)]
    if folder is not None:
        folders.append(folder)
    return [place / name for place in folders for name in FILES]


def folder_of(source: Path) -> Path:
    return source if source.is_dir() else source.parent


def read_tokenizer(path: Path) -> Tokenizer:
    """`tokenizer.json` of the library tokenizers, or a sentencepiece model. ValueError when damaged."""
    if path.suffix != ".json":
        return from_sentencepiece(path.read_bytes(), str(path))
    import tokenizers

    try:
        parsed: Any = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise ValueError(f"tokenizer {path} is damaged ({error}); download it again") from None
    parsed.no_truncation()
    parsed.no_padding()
    return from_tokenizers(parsed, str(path))


def from_tokenizers(parsed: Any, source: str) -> Tokenizer:
    def tokenize(text: str) -> list[int]:
        return parsed.encode(text, add_special_tokens=False).ids

    return Tokenizer(source, parsed.get_vocab_size(), tokenize)


def from_sentencepiece(proto: bytes, source: str) -> Tokenizer:
    """A serialised sentencepiece model (Kudo & Richardson 2018, arXiv 1808.06226). ValueError when damaged."""
    try:
        import sentencepiece
    except ImportError:
        raise ValueError(
            f"tokenizer {source} needs the package sentencepiece; run: pip install sentencepiece"
        ) from None
    processor: Any = sentencepiece.SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(proto)
    except RuntimeError as error:
        raise ValueError(f"tokenizer {source} is damaged ({error}); download it again") from None
    return Tokenizer(source, processor.get_piece_size(), processor.encode)


def from_gguf(weights: Weights) -> Iterator[Tokenizer]:
    """The unigram model in a T5 GGUF's metadata; nothing when it holds none.

    As sentencepiece does: text is normalised by the model's own table, runs of spaces are one, a space goes before each
    word, and characters without a piece become bytes where there are pieces for bytes.
    """
    metadata = weights.details()
    if metadata.get("tokenizer.ggml.model") != "t5" or not all(name in metadata for name in _IN_GGUF):
        return
    import tokenizers

    tokens, scores, kinds, charsmap = (metadata[name] for name in _IN_GGUF)
    scores = np.where(
        kinds == _NORMAL, scores, 0.0
    )  # unused ones have -10000, and the least score is unknown's
    pieces = list(zip(tokens, scores.tolist(), strict=True))
    has_bytes = bool((kinds == _BYTE).any())
    unigram = tokenizers.models.Unigram(pieces, kinds.tolist().index(_UNKNOWN), has_bytes)
    parsed: Any = tokenizers.Tokenizer(unigram)
    parsed.normalizer = tokenizers.normalizers.Precompiled(charsmap.tobytes())
    words, spaces = tokenizers.pre_tokenizers.WhitespaceSplit(), tokenizers.pre_tokenizers.Metaspace()
    parsed.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([words, spaces])
    yield from_tokenizers(parsed, f"{weights.source} (metadata)")
