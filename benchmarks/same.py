"""Whether this code gives the same latents, frames, losses and LoRA weights as another commit, bit by bit.

    python benchmarks/same.py --against COMMIT [--save]

Both run in processes of their own, in float32 on one thread, on the same files: mini, and networks of every published layout,
tiny and random. Only what is public is called: nodes by their ids and inputs, and the `anisora` command. Exit code 1 when
anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from provenance import RESULTS, depends_on, tracked_files

PACK = Path(__file__).resolve().parents[1]
UMT5 = {"text_encoder_file": "models_t5_umt5-xxl-enc-bf16.pth"}
WAN21 = {"transformer_file": "anisora_v3.1.safetensors", **UMT5}
V1 = {
    "transformer_file": "mp_rank_00_model_states.pt",
    "vae_file": "videokl_ch16_long_20w.pt",
    "text_encoder_file": "t5xxl.safetensors",
}
V32 = {
    "transformer_file": "anisora_v3.2_high_noise.safetensors",
    "low_noise_file": "anisora_v3.2_low_noise.safetensors",
    **UMT5,
}
TWO = (("wave", "first", 1.0), ("walk_last", "8", 1.0))
#: name -> release, its files, keyframes, and what else is asked of the nodes.
CLIPS: dict[str, tuple[str, dict[str, str], tuple[tuple[str, str, float], ...], dict[str, Any]]] = {
    "mini": ("mini", {}, TWO[:1], {}),
    "mini, two keyframes": ("mini", {}, (TWO[0], ("walk_last", "100%", 0.5)), {"fit": "stretch"}),
    "mini, area by mask": ("mini", {}, TWO, {"way": "condition"}),
    "mini, area by latents": ("mini", {}, TWO, {"way": "hold", "sampler": "heun"}),
    "mini, area on keyframes": ("mini", {}, TWO[:1], {"way": "paper", "sampler": "dpmpp_2m"}),
    "mini, words": ("mini", {}, (), {"guidance": "early", "sampler": "sde_dpmpp_2m"}),
    "mini, LoRA": ("mini", {}, TWO[:1], {"lora": "same.safetensors", "sampler": "unipc"}),
    "V1": ("V1", V1, TWO, {"steps": 5}),
    "V1, authors' curve, area": ("V1", V1, TWO[:1], {"steps": 4, "guidance": "authors", "way": "hold"}),
    "V1, FasterCache": ("V1", V1, TWO[:1], {"steps": 22, "faster_cache": True}),
    "V1-RL": ("V1-RL", V1, TWO[:1], {"steps": 3}),
    "V2, optimal steps": ("V2", WAN21, TWO[:1], {"steps": 12, "sampler": "optimal"}),
    "V3.1": ("V3.1", WAN21, TWO, {"steps": 4}),
    "V3.1, area": ("V3.1", WAN21, TWO, {"steps": 3, "way": "auto"}),
    "V3.2": ("V3.2", V32, TWO, {"cfg": 3.0}),
    "anymask": ("anymask", WAN21, TWO, {"steps": 3, "way": "auto", "mask_resize": "bicubic"}),
}
STYLE = [
    "--preset",
    "quick look",
    "--steps",
    "20",
    "--batch",
    "2",
    "--sample-every",
    "0",
    "--first-sample",
    "0",
]
FEW = [
    "--preset",
    "normal",
    "--steps",
    "6",
    "--batch",
    "2",
    "--variants",
    "1",
    "--sample-every",
    "0",
    "--area",
    "4096",
]
FEW += ["--length", "9", "--rank", "4", "--save-every", "6", "--caption-dropout", "0.3"]
#: name of the LoRA -> release, options of `anisora train lora`, those that name files.
TRAININGS: dict[str, tuple[str, list[str], list[str]]] = {
    "same": ("mini", [*STYLE, "--seed", "3", "--dropout", "0.1", "--num-moves", "10", "--length", "9"], []),
    "same_v1": (
        "V1",
        [*FEW, "--optimizer", "adamw", "--dora"],
        ["--weights", V1["transformer_file"], "--vae", V1["vae_file"], "--text-encoder", V1["text_encoder_file"]],
    ),
    "same_v32": (
        "V3.2",
        [*FEW, "--prior", "0.7", "--timesteps", "logit_normal", "--base", "fp8", "--swap-blocks", "1"],
        ["--weights", V32["transformer_file"], "--low-noise", V32["low_noise_file"], "--text-encoder", UMT5["text_encoder_file"]],
    ),
}  # fmt: skip


def load_pack(tree: Path) -> None:
    """The pack of `tree` as `comfyui_anisora`, whatever is installed."""
    spec = importlib.util.spec_from_file_location(
        "comfyui_anisora", tree / "__init__.py", submodule_search_locations=[str(tree)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["comfyui_anisora"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def probe(tree: Path, work: Path) -> None:
    """Everything that is compared, as arrays in `work`."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        setattr(torch.cpu, name, lambda: False)  # so that trainings, which take the fast kind, are in float32
    torch.set_num_threads(1)
    load_pack(tree)
    found: dict[str, np.ndarray] = {}
    for name, arrays in (*trainings(tree, work), *clips()):
        found |= {f"{name}: {part}": np.ascontiguousarray(array) for part, array in arrays.items()}
    np.savez(work / "found.npz", **found)


def trainings(tree: Path, work: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    from comfyui_anisora.cli import main
    from safetensors.torch import load_file

    loras = Path(os.environ["ANISORA_MODELS"]) / "loras"
    for name, (release, options, files) in TRAININGS.items():
        place = ["--name", name, "--release", release, "--folder", str(work / name), "--trigger", "ink"]
        images = ["--images", str(tree / "nodes" / "illustrations")]
        assert main(["train", "lora", *images, *place, *options, *files]) == 0
        curves = sorted((work / name).rglob("loss.jsonl"))
        losses = [json.loads(line)["loss"] for path in curves for line in path.read_text().splitlines()]
        arrays = {"losses": np.array(losses)}
        for path in sorted(loras.glob(f"{name}*.safetensors")):
            if path.stem in (name, f"{name}_high_noise", f"{name}_low_noise"):
                tensors = load_file(path)
                flat = [tensors[key].float().flatten() for key in sorted(tensors)]
                arrays[path.stem] = torch.cat(flat).numpy()
        yield f"training for {release}", arrays


def clips() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS

    with torch.inference_mode():
        for name, (release, files, keyframes, asked) in CLIPS.items():
            yield name, clip_of(NODE_CLASS_MAPPINGS, release, files, keyframes, asked)


def clip_of(
    nodes: dict[str, Any],
    release_name: str,
    files: dict[str, str],
    keyframes: tuple[tuple[str, str, float], ...],
    asked: dict[str, Any],
) -> dict[str, np.ndarray]:
    """Guide, latents and frames of a clip, as a workflow makes it."""
    loader = nodes["AniSoraModelLoader"]()
    model, clip, vae, release, clip_vision, low = loader.load(release_name, "float32", **files)
    if "lora" in asked:
        model = nodes["AniSoraLora"]().apply(model, asked["lora"], 0.8)["result"][0]
    chain: Any = ()
    for drawing, position, strength in keyframes:
        image, _ = nodes["AniSoraDrawing"]().read(drawing)
        (chain,) = nodes["AniSoraKeyframe"]().add(image, position, strength, chain)
    size = (17, 0.0, 96, 64) if release_name == "mini" else (17, 0.0, 48, 48)
    timeline = nodes["AniSoraTimeline"]().build(
        release, *size, keyframes=chain, fit=asked.get("fit", "crop")
    )[0]
    area: dict[str, Any] = {}
    if "way" in asked:
        mask = torch.zeros(1, size[3], size[2])
        mask[:, : size[3] // 2, size[2] // 3 :] = 1.0
        (area["motion_area"],) = nodes["AniSoraMotionMask"]().build(mask, asked["way"], 1.5, False)
    prompt, negative = nodes["AniSoraPrompt"]().compose(release, "a girl waves", -1.0)
    positive, negative = (
        clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in (prompt, negative)
    )
    resize = asked.get("mask_resize", "average")
    positive, negative, latent, _ = nodes["AniSoraGuide"]().encode(
        positive, negative, vae, timeline, release, clip_vision=clip_vision, mask_resize=resize, **area
    )["result"]
    wanted = {name: asked[name] for name in ("guidance", "faster_cache") if name in asked}
    sampler, cfg = asked.get("sampler", "auto"), asked.get("cfg", 0.0)
    (made,) = nodes["AniSoraSampler"]().sample(
        model, positive, negative, latent, release, 7, asked.get("steps", 0), cfg, 0.0, sampler, **wanted,
        low_noise_model=low,
    )  # fmt: skip
    (frames,) = nodes["AniSoraDecode"]().decode(made, vae, 2)
    values = positive[0][1]
    arrays = {"guide": values["concat_latent_image"], "latents": made["samples"], "frames": frames}
    if "concat_mask" in values:
        arrays["mask"] = values["concat_mask"]
    return {part: value.float().numpy() for part, value in arrays.items()}


def run_in(tree: Path, models: Path, folder: Path) -> dict[str, np.ndarray]:
    """The probe, of this file, over the pack of `tree`."""
    folder.mkdir(parents=True)
    own = folder / "models"
    subprocess.run(["cp", "-r", str(models), str(own)], check=True)
    environment = {
        **os.environ,
        "ANISORA_MODELS": str(own),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, __file__, "--probe", str(tree), "--work", str(folder)]
    with (folder / "log.txt").open("w") as log:
        done = subprocess.run(command, env=environment, cwd=folder, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"{tree}: the probe failed\n{(folder / 'log.txt').read_text()[-3000:]}")
    with np.load(folder / "found.npz") as found:
        return dict(found)


def compared(here: dict[str, np.ndarray], there: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in sorted(here.keys() | there.keys()):
        ours, theirs = here.get(name), there.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            rows.append({"name": name, "equal": False, "difference": None})
            continue
        is_equal = hashlib.sha256(ours.tobytes()).digest() == hashlib.sha256(theirs.tobytes()).digest()
        difference = float(np.abs(ours.astype(np.float64) - theirs).max()) if ours.size else 0.0
        rows.append({"name": name, "equal": is_equal, "difference": difference})
    return rows


def commit_of(tree: Path, name: str = "HEAD") -> str:
    return subprocess.run(
        ["git", "rev-parse", "--short", name], cwd=tree, capture_output=True, text=True, check=True
    ).stdout.strip()


def compare(against: str, keep: Path | None) -> dict[str, Any]:
    """Rows of `compared`. `keep`: a folder for the other commit's arrays, which are made once."""
    sys.path.insert(0, str(PACK / "tests"))
    load_pack(PACK)
    from tiny_models import write_models

    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        kept = keep and keep / f"{commit_of(PACK, against)}.npz"
        models = (keep or temporary) / "models"
        if not models.exists():
            write_models(models)
        if kept and kept.exists():
            with np.load(kept) as found:
                there = dict(found)
        else:
            other = temporary / "other"
            subprocess.run(["git", "worktree", "add", "--detach", str(other), against], cwd=PACK, check=True)
            try:
                there = run_in(other, models, temporary / "there")
            finally:
                subprocess.run(["git", "worktree", "remove", "--force", str(other)], cwd=PACK, check=True)
            if kept:
                np.savez(kept, **there)
        here = run_in(PACK, models, temporary / "here")
    rows = compared(here, there)
    made_from = depends_on("same", tracked_files())
    return {
        "commit": commit_of(PACK),
        "against": commit_of(PACK, against),
        "depends_on": made_from,
        "rows": rows,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the other commit's arrays here for later runs"
    )
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/same.json")
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        probe(options.probe, options.work)
        return 0
    found = compare(options.against, options.keep)
    for row in found["rows"]:
        print(f"{'equal' if row['equal'] else 'DIFFERENT':10} {row['name']} (max {row['difference']})")
    different = sum(not row["equal"] for row in found["rows"])
    print(f"{len(found['rows']) - different} of {len(found['rows'])} equal to {found['against']}")
    if options.save:
        (RESULTS / "same.json").write_text(json.dumps(found, indent=1) + "\n")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main())
