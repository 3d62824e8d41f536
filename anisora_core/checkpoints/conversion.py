"""Any weights file that can be read -> another form of it: names, numbers, one file or shards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..domain.atomic_write import write_beside
from ..domain.weights import Entry, Weights
from ..encoders.t5 import T5Shape
from ..encoders.tokenizers import EMBEDDED, places, read_tokenizer
from ..lora.peft_config import CONFIG_FILE, METADATA
from ..lora.read import is_lora, lora_of
from ..lora.write import FORMS as LORA_FORMS
from ..lora.write import Written, write_changes
from .detect import Found, identify
from .files import open_weights
from .load import fit
from .renamed import as_kind, as_ours, as_theirs, held
from .save import index_of, paths_for, save_weights

#: Header entries that say how to scale a LoRA's factors; ours say it themselves.
_SCALINGS = ("use_rslora", METADATA)


@dataclass(frozen=True)
class Plan:
    """`files`: what goes where, nothing of a model read yet; `settings`: a JSON beside them, if any."""

    files: dict[Path, Weights]
    facts: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)


def convert(
    path: Path,
    to: str,
    out: Path,
    *,
    dtype: str = "same",
    rank: int | None = None,
    shard_gb: float | None = None,
) -> dict[str, Any]:
    """Write `path` (a file, index or folder) as the form `to` into `out`, and say what was done.

    `dtype`: a key of DTYPES, or "same". `rank`: for what a LoRA form cannot hold exactly. All files or none;
    ValueError names what is wrong and what to do instead.
    """
    if out.suffix != ".safetensors":
        raise ValueError(f"--out {out.name}: use a name that ends in .safetensors")
    for option, value in {"--rank": rank, "--shard": shard_gb}.items():
        if value is not None and value <= 0:
            raise ValueError(f"{option} {value}: use more than 0")
    weights = open_weights(path)
    kept = {name: value for name, value in weights.metadata.items() if name not in _SCALINGS}
    named = {**kept, "format": "pt", "converted_from": path.resolve().name}
    plan = (
        plan_lora(weights, to, out, dtype, rank) if is_lora(weights) else plan_model(weights, to, out, dtype)
    )
    files = {file: replace(part, metadata=named | dict(part.metadata)) for file, part in plan.files.items()}
    shard_bytes = None if shard_gb is None else int(shard_gb * 1e9)
    refuse_inputs(path, [*paths_for(files, shard_bytes), *map(index_of, files)])
    written = save_weights(files, shard_bytes)
    if plan.settings:
        with write_beside(out.with_name(CONFIG_FILE)) as part:
            part.write_text(json.dumps(plan.settings, indent=1) + "\n")
    return {"file": str(path), "form": to, **plan.facts, "files": [str(file) for file in written]}


def refuse_inputs(path: Path, written: list[Path]) -> None:
    """ValueError when a file that is about to be written is one that is read."""
    folder = path if path.is_dir() else path.parent
    inputs = list(folder.iterdir()) if path.is_dir() or path.suffix == ".json" else [path]
    for file in written:
        if file.exists() and any(file.samefile(read) for read in inputs):
            raise ValueError(f"--out {file} is one of the input files; use another name or folder")


def plan_model(weights: Weights, to: str, out: Path, dtype: str) -> Plan:
    """ValueError when the weights are no whole network, or have no such form."""
    found = identify(weights)
    kind, config = found.kind, found.config()
    forms = kind.network.forms_of(config)
    if not forms:
        raise ValueError(
            f"{weights.source.name} is a {kind.name}; pick a transformer, a VAE, an encoder or a LoRA file"
        )
    if to not in forms:
        raise ValueError(f"--to {to}: {weights.source.name} is a {kind.name}; use {', '.join(forms)}")
    require_whole(found)
    prefix, table = forms[to]
    ours = as_ours(as_kind(found.weights, dtype), kind.table)
    theirs = as_theirs(ours, prefix, table)
    facts = {"family": kind.name, "tensors": len(theirs.entries), "left_out": found.beside}
    facts |= {"dtypes": theirs.dtypes}
    if to == "transformers" and isinstance(config, T5Shape):
        vocabulary = sentencepiece_of(weights, config.vocabulary)
        theirs = replace(theirs, entries={**theirs.entries, **vocabulary})
        facts |= {
            "left_out": found.beside - (EMBEDDED in weights.entries),
            "tokenizer": EMBEDDED if vocabulary else "left out",
        }
    return Plan({out: replace(theirs, metadata={})}, facts)


def sentencepiece_of(weights: Weights, vocabulary: int) -> dict[str, Entry]:
    """The tensor that ComfyUI reads a tokenizer from, of the file itself or of a `spiece.model` beside it; {} without one."""
    if EMBEDDED in weights.entries:
        return {EMBEDDED: weights.entries[EMBEDDED]}
    for place in places(weights.source, None):
        if place.suffix == ".model" and place.is_file() and read_tokenizer(place).fits(vocabulary):
            return {EMBEDDED: held(torch.frombuffer(bytearray(place.read_bytes()), dtype=torch.uint8))}
    return {}


def require_whole(found: Found) -> None:
    """ValueError when tensors lack, or are more than the network has: they would be lost in silence."""
    with torch.device("meta"):
        model = found.kind.network.build(found.config())
    fits = fit(model, found.weights, found.kind.table)
    if not fits.is_whole:
        example = (fits.missing + fits.unfit + fits.unexpected)[0]
        raise ValueError(
            f"{found.weights.source.name}: {fits}, {len(fits.unfit)} of another shape (first: {example}); "
            f"only a whole {found.kind.name} is converted"
        )


def plan_lora(weights: Weights, to: str, out: Path, dtype: str, rank: int | None) -> Plan:
    """ValueError when the form cannot hold a change and `rank` does not help."""
    name = weights.source.name
    if to not in LORA_FORMS:
        raise ValueError(f"--to {to}: {name} is a LoRA file; use {', '.join(LORA_FORMS)}")
    lora = lora_of(weights)
    by_expert = {expert: lora.changes | changes for expert, changes in lora.by_expert.items()}
    try:
        parts = {
            expert: write_changes(changes, lora.family, to, rank)
            for expert, changes in (by_expert or {"": lora.changes}).items()
        }
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    settings = _peft_settings(parts, out, name) if to == "peft" else {}
    lost, whole = sum(part.lost for part in parts.values()), sum(part.whole for part in parts.values())
    facts = {
        "family": f"LoRA for {lora.family.title}",
        "weights": sum(part.weights for part in parts.values()),
        "approximated": sum(part.approximated for part in parts.values()),
        "relative_error": float(f"{(lost / whole) ** 0.5 if whole else 0.0:.3g}"),
        "left_out": len(lora.unmatched),
    }
    joined = _join_experts(parts) if to == "diffusers" else None
    files = {out: joined} if joined else {_for_expert(out, e): (p.tensors, {}) for e, p in parts.items()}
    return Plan(
        {file: _in_memory(*content, weights, dtype) for file, content in files.items()}, facts, settings
    )


def _for_expert(out: Path, expert: str) -> Path:
    """The names that files for Wan 2.2's two networks go by."""
    return out.with_name(f"{out.stem}_{expert}_noise{out.suffix}") if expert else out


def _join_experts(parts: Mapping[str, Written]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of diffusers' one file; layers of several ranks need a word about it in the header."""
    tensors: dict[str, Tensor] = {}
    adapter: dict[str, Any] = {}
    for expert, part in parts.items():
        network = "transformer_2." if expert == "low" else "transformer."
        tensors |= {network + key.removeprefix("transformer."): value for key, value in part.tensors.items()}
        if part.settings["rank_pattern"]:
            adapter |= {network + name: value for name, value in part.settings.items()}
    return tensors, {METADATA: json.dumps(adapter)} if adapter else {}


def _peft_settings(parts: Mapping[str, Written], out: Path, name: str) -> dict[str, Any]:
    if len(parts) > 1:
        raise ValueError(f"{name} is for two experts, a PEFT folder for one network; use --to comfyui")
    if out.with_name(CONFIG_FILE).exists():
        raise ValueError(f"--out: {out.with_name(CONFIG_FILE)} already exists; use an empty folder")
    return {"peft_type": "LORA", "inference_mode": True, **next(iter(parts.values())).settings}


def _in_memory(
    tensors: Mapping[str, Tensor], metadata: dict[str, str], weights: Weights, dtype: str
) -> Weights:
    """Alphas keep their own precision: they are numbers of the form, not weights."""
    whole = Weights(weights.source, {name: held(value) for name, value in tensors.items()}, metadata)
    cast = as_kind(whole, dtype).entries
    kept = {name: whole.entries[name] if name.endswith(".alpha") else entry for name, entry in cast.items()}
    return replace(whole, entries=kept)
