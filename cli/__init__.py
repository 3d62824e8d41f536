"""The `anisora` command: parsing only. Exit code 0 only when it did what it was asked; an error is one line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # argparse cannot hand on options it does not know, --help among them
        if words[:2] == ["train", "mini"]:
            return do_train_mini(words[2:])
        if words[:2] == ["train", "lora"]:
            return do_train_lora(words[2:])
        options = parser().parse_args(words)
        return options.do(options)
    except (ValueError, OSError) as error:
        print(f"anisora: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("anisora: stopped", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="anisora", description="AniSora without a browser.")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    add_run(commands.add_parser("run", help="execute a workflow without ComfyUI"))
    add_generate(commands.add_parser("generate", help="make one clip"))
    add_inspect(commands.add_parser("inspect", help="say what a weights file is"))
    add_convert(commands.add_parser("convert", help="write a model or LoRA file in another form"))
    data = commands.add_parser("data", help="make training data").add_subparsers(
        required=True, metavar="KIND"
    )
    add_cartoons(data.add_parser("cartoons", help="render cartoon clips one can watch"))
    add_captions(data.add_parser("captions", help="write captions beside drawings that have none"))
    add_check(data.add_parser("check", help="say what a training folder holds"))
    train = commands.add_parser("train", help="train a model").add_subparsers(required=True, metavar="RECIPE")
    train.add_parser("mini", help="the model in the box; `anisora train mini --help` lists its options")
    train.add_parser("lora", help="a style from a folder of drawings; `anisora train lora --help`")
    return root


def add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("workflow", type=Path, help="UI or API format")
    command.add_argument("--set", action="append", default=[], metavar="NODE.INPUT=VALUE")
    command.add_argument("--out", type=Path, default=Path("output"))
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do_run)


def do_run(options: argparse.Namespace) -> int:
    from ..nodes import NODE_CLASS_MAPPINGS
    from ..nodes.workflow.engine import execute, override, read_workflow

    nodes = read_workflow(options.workflow, NODE_CLASS_MAPPINGS)
    for setting in options.set:
        override(nodes, setting, NODE_CLASS_MAPPINGS)
    since = time.monotonic()
    files = execute(nodes, NODE_CLASS_MAPPINGS, options.out)
    report(options, {"files": [str(file) for file in files], "seconds": round(time.monotonic() - since, 1)})
    return 0


def add_generate(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", default="mini", help="release name")
    command.add_argument(
        "--weights",
        metavar="FILE",
        help="transformer, V3.2's high noise one, or a folder made by `anisora train mini`; this and the others are paths "
        "or names in the folder ANISORA_MODELS, laid out as ComfyUI's models",
    )
    command.add_argument("--low-noise", metavar="FILE", help="V3.2's low noise transformer")
    command.add_argument("--vae", metavar="FILE")
    command.add_argument("--text-encoder", metavar="FILE")
    command.add_argument("--image-encoder", metavar="FILE", help="CLIP ViT-H of V2, V3, V3.1 and anymask")
    command.add_argument(
        "--keyframe",
        action="append",
        default=[],
        metavar="IMG@POS[@STRENGTH]",
        help="POS: 12, 0.5s, 50%%, first, last",
    )
    command.add_argument(
        "--lora",
        action="append",
        default=[],
        metavar="FILE[:STRENGTH[:LOW]][@BLOCKS]",
        help="any maker's LoRA, several in turn; LOW: V3.2's low noise network, if another strength; "
        "BLOCKS: factors per block, as 0-9=0.5,20=0",
    )
    command.add_argument(
        "--posterior",
        default="mode",
        choices=("mode", "sample"),
        help="drawings as the VAE's mean, or drawn from its spread by the seed",
    )
    command.add_argument("--motion-mask", type=Path, metavar="PNG", help="white may move")
    command.add_argument("--motion-way", default="auto", choices=("auto", "condition", "paper", "hold"))
    command.add_argument("--motion-score", type=float)
    command.add_argument("--prompt", default="")
    command.add_argument("--negative")
    command.add_argument("--length", type=int)
    command.add_argument("--size", metavar="WxH")
    command.add_argument("--fps", type=float)
    command.add_argument("--steps", type=int)
    command.add_argument("--cfg", type=float)
    command.add_argument("--shift", type=float)
    command.add_argument("--sampler", help="unipc, euler, heun, dpmpp_2m, sde_dpmpp_2m (V1), optimal (V2)")
    command.add_argument(
        "--guidance", choices=("constant", "rising", "authors"), help="how --cfg runs over the steps"
    )
    command.add_argument(
        "--faster-cache", action="store_true", help="V1: guess from earlier steps where its authors do"
    )
    command.add_argument(
        "--fit", choices=("crop", "stretch"), default="crop", help="drawings of another shape"
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--out", type=Path, default=Path("clip.mp4"), help=".mp4, .webp, or .png for a contact sheet"
    )
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do_generate)


def do_generate(options: argparse.Namespace) -> int:
    from .shell import WRITERS, generate_clip, write_clip

    if options.out.suffix.lower() not in WRITERS:
        raise ValueError(f"--out {options.out}: use a name that ends in {', '.join(WRITERS)}")
    since = time.monotonic()
    clip = generate_clip(options)
    write_clip(clip, options.out)
    facts = {"file": str(options.out), "frames": len(clip.frames_FHWC), "notes": list(clip.notes)}
    report(options, {**facts, "seconds": round(time.monotonic() - since, 1)})
    return 0


def add_inspect(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", type=Path)
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do_inspect)


def do_inspect(options: argparse.Namespace) -> int:
    from ..anisora_core.checkpoints.load import describe
    from ..anisora_core.generation.loading import releases_for

    for file in options.files:
        fitting = releases_for(file)
        report(options, {**describe(file), **({"releases": " or ".join(fitting)} if fitting else {})})
    return 0


def add_convert(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, help="a file, a shard index or a folder of shards")
    command.add_argument(
        "--to",
        required=True,
        metavar="FORM",
        help="models: official, comfyui, diffusers, sat (V1); encoders: official, transformers; LoRA files: comfyui, kohya, diffusers, peft, sat (V1)",
    )
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    command.add_argument("--dtype", choices=("same", "fp32", "fp16", "bf16"), default="same")
    command.add_argument(
        "--rank", type=int, metavar="N", help="a low rank for LoRA changes that the form cannot hold"
    )
    command.add_argument(
        "--shard", type=float, metavar="GB", help="several files of at most this, with an index"
    )
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do_convert)


def do_convert(options: argparse.Namespace) -> int:
    from ..anisora_core.checkpoints.convert import convert

    since = time.monotonic()
    facts = convert(
        options.file,
        options.to,
        options.out,
        dtype=options.dtype,
        rank=options.rank,
        shard_gb=options.shard,
    )
    report(options, {**facts, "seconds": round(time.monotonic() - since, 1)})
    return 0


def add_cartoons(command: argparse.ArgumentParser) -> None:
    command.add_argument("--count", type=int, required=True)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--split", choices=("train", "heldout"), default="train")
    command.add_argument("--length", type=int, default=33)
    command.add_argument("--size", default="128x128", metavar="WxH")
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do_cartoons)


def do_cartoons(options: argparse.Namespace) -> int:
    from .shell import parse_size, write_cartoons

    width, height = parse_size(options.size)
    written = write_cartoons(
        options.count,
        options.out,
        seed=options.seed,
        split=options.split,
        shape=(options.length, height, width),
    )
    report(options, {"out": str(options.out), "clips": written})
    return 0


def add_captions(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path)
    command.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="a captioning model of transformers; without it the files' names",
    )
    command.add_argument("--overwrite", action="store_true", help="replace captions that are there")
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do_captions)


def do_captions(options: argparse.Namespace) -> int:
    from ..anisora_core.data.captions import captions_by_model, captions_from_names, write_captions
    from ..anisora_core.data.training_folder import read_training_folder

    items = read_training_folder(options.folder).items
    wanted = [item for item in items if options.overwrite or not item.caption]
    if options.model:
        said = captions_by_model([item.path for item in wanted], options.model)
    else:
        said = captions_from_names(wanted)
    written = write_captions(said, overwrite=options.overwrite)
    report(options, {"drawings": len(items), "captions_written": len(written)})
    return 0


def add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path)
    command.add_argument("--release", default="mini", help="whose size the drawings are sorted for")
    command.add_argument("--json", action="store_true")
    command.set_defaults(do=do_check)


def do_check(options: argparse.Namespace) -> int:
    from ..anisora_core.data.training_folder import read_training_folder
    from ..anisora_core.releases import find_release
    from ..anisora_core.training.lora.dataset import report_of
    from ..anisora_core.training.lora.recipe import Recipe

    find_release(options.release)
    found = report_of(read_training_folder(options.folder), Recipe(release=options.release))
    report(options, found.as_json() if options.json else {"folder": found.lines()})
    return 0


def do_train_mini(arguments: Sequence[str]) -> int:
    from ..anisora_core.training.recipes.mini import main as train_mini

    return train_mini(arguments)


def do_train_lora(arguments: Sequence[str]) -> int:
    from .train_lora import parser as options_of
    from .train_lora import train

    options = options_of().parse_args(arguments)
    facts = train(options)
    if facts:
        report(options, facts)
    return 0


def report(options: argparse.Namespace, facts: dict[str, Any]) -> None:
    if options.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        for line in value if isinstance(value, list) else [value]:
            print(f"{name}: {line}")


if __name__ == "__main__":
    sys.exit(main())
