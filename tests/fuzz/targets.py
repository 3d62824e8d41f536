"""Every reader of what others wrote, with what to feed it. A reader may raise ValueError in one line, and nothing else.

A target is a function of (content, folder) and a strategy of contents: valid ones, changed in some places.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfyui_anisora.anisora_core.checkpoints.files import open_weights
from comfyui_anisora.anisora_core.checkpoints.load import read_lora
from comfyui_anisora.anisora_core.data.captions import caption_beside, captions_in_jsonl
from comfyui_anisora.anisora_core.evaluation.report_card.subject import read_prompts
from comfyui_anisora.anisora_core.lora.apply import block_strengths
from comfyui_anisora.anisora_core.media.frames import inspect_media, is_signed, read_frames
from comfyui_anisora.anisora_core.media.images import read_image, read_image_and_alpha
from comfyui_anisora.anisora_core.media.video import write_mp4
from comfyui_anisora.anisora_core.training.engine.run_folder import saved_step
from comfyui_anisora.anisora_core.training.lora.curriculum import FOLDER, read_curriculum, recipes_of
from comfyui_anisora.anisora_core.training.lora.lora_file import is_made_by
from comfyui_anisora.anisora_core.training.lora.recipe import LoraRecipe, read_recipe
from comfyui_anisora.cli.arguments import keyframe_file, parse_size
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.host.latent_file import read_latent
from comfyui_anisora.nodes.keyframe_timeline import parse_timeline_json
from comfyui_anisora.nodes.lora_trainer import recipe_of
from comfyui_anisora.nodes.motion_painter import parse_painting
from comfyui_anisora.nodes.workflow import override, read_workflow
from comfyui_anisora.nodes.workflow.check import check_inputs
from gguf_files import F16, F32, Q8_0, gguf
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

PACK = Path(__file__).parents[2]
Target = Callable[[Any, Path], object]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(10**400), 10**400), st.floats(), st.text(max_size=8),
    st.sampled_from(["", "\n", "\0", "..", "/", "\ud800", "1e400", "NaN", "a" * 300, "夜", -1, 0, 1e308, 2**63]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
#: What no writer of JSON writes.
odd_texts = st.sampled_from(
    [
        "",
        "[" * 100_000,
        '{"a":' * 50_000,
        "[1e400]",
        "[NaN]",
        "\ufeff{}",
        "null",
        "1",
        '"a"',
        "[" + "9" * 5000 + "]",
    ]
)


@st.composite
def changed_json(draw: st.DrawFn, document: Any) -> str:
    """A valid document in which up to three values, keys or rows are others."""
    changed = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        parent, key = None, None
        place = changed
        while isinstance(place, dict | list) and place and (parent is None or draw(st.integers(0, 3))):
            parent = place
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            place = place[key]
        if parent is None:
            return json.dumps(draw(values))
        if draw(st.booleans()):
            parent[key] = draw(values)
        else:
            del parent[key]
    text = json.dumps(changed, ensure_ascii=draw(st.booleans()))
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 9)) == 0 else text


def texts(document: Any) -> st.SearchStrategy[str]:
    return st.one_of(changed_json(document), odd_texts, st.text(max_size=40))


@st.composite
def changed_bytes(draw: st.DrawFn, whole: bytes) -> bytes:
    """Valid bytes with some overwritten, some taken out or put in, or cut short; most changes are near the start."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        most = len(data) if draw(st.booleans()) else min(len(data), 200)
        at = draw(st.integers(0, max(0, most - 1)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == 1:
            data[at : at + 4] = draw(
                st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0"])
            )
        elif kind == 2:
            del data[at : at + draw(st.integers(1, 64))]
        else:
            del data[at:]
    return bytes(data)


def picture_bytes(name: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 4), np.uint8)
    buffer = io.BytesIO()
    mode = "RGB" if name in ("JPEG", "BMP", "PPM", "JPEG2000") else "RGBA"
    more = (
        {"save_all": True, "append_images": [Image.new(mode, (32, 24))]}
        if name in ("GIF", "WEBP", "PNG", "AVIF")
        else {}
    )
    Image.fromarray(noise).convert(mode).save(buffer, name, **more)
    return buffer.getvalue()


PICTURES = {"AVIF": ".avif", "BMP": ".bmp", "GIF": ".gif", "JPEG": ".jpg", "JPEG2000": ".jp2", "PNG": ".png", "PPM": ".ppm",
            "TGA": ".tga", "TIFF": ".tif", "WEBP": ".webp"}  # fmt: skip


def video_bytes(folder: Path) -> bytes:
    frames = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), np.uint8)
    write_mp4(frames, folder / "seed.mp4", 12)
    return (folder / "seed.mp4").read_bytes()


def state_bytes() -> bytes:
    buffer = io.BytesIO()
    torch.save({"step": 1, "model": {"a": torch.zeros(3)}, "ema": {}, "optimizers": []}, buffer)
    return buffer.getvalue()


def gguf_bytes() -> bytes:
    kinds = {"a": ((2, 32), Q8_0, b"\x01" * 68), "b": ((4, 8), F32, bytes(128)), "c": ((3,), F16, bytes(6))}
    return gguf(kinds, {"b": (4, 8, 1)})


def lora_bytes() -> bytes:
    name = "diffusion_model.blocks.0.self_attn.q"
    tensors = {f"{name}.lora_A.weight": torch.zeros(2, 8), f"{name}.lora_B.weight": torch.zeros(8, 2)}
    return save(tensors, {"anisora.recipe": "{}", "anisora.run": "a b"})


def latent_bytes() -> bytes:
    return save(
        {"latent_tensor": torch.zeros(1, 16, 2, 4, 4), "latent_format_version_0": torch.tensor([])},
        {"fps": "12"},
    )


def stored(content: str | bytes, path: Path) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


def read_weights(path: Path) -> None:
    for entry in open_weights(path).entries.values():
        entry.read()


def read_an_index(content: str, folder: Path) -> None:
    (folder / "a-00001-of-00002.safetensors").write_bytes(save({"a": torch.zeros(2)}))
    (folder / "a-00002-of-00002.safetensors").write_bytes(save({"b": torch.zeros(2)}))
    read_weights(stored(content, folder / "a.safetensors.index.json"))
    open_weights(folder)


def read_a_picture(content: bytes, folder: Path, suffix: str) -> None:
    path = stored(content, folder / f"a{suffix}")
    is_signed(path)
    for read in (read_image, read_image_and_alpha, inspect_media, lambda path: read_frames(path, 8.0, 3)):
        try:
            read(path)
        except ValueError as error:
            one_line(error)


def read_a_workflow(content: str, folder: Path) -> None:
    nodes = read_workflow(stored(content, folder / "a.json"), NODE_CLASS_MAPPINGS)
    for node in nodes.values():
        check_inputs(node, nodes, NODE_CLASS_MAPPINGS)


def read_captions(content: str, folder: Path) -> None:
    captions_in_jsonl(stored(content, folder / "a.jsonl"))
    stored(content, folder / "a.txt")
    caption_beside(folder / "a.png")


def read_flags(content: str, folder: Path) -> None:
    nodes = read_workflow(PACK / "workflows" / "image_to_video.json", NODE_CLASS_MAPPINGS)
    for read in (
        keyframe_file,
        parse_size,
        block_strengths,
        lambda text: override(nodes, text, NODE_CLASS_MAPPINGS),
    ):
        try:
            read(content)
        except ValueError as error:
            one_line(error)


def one_line(error: ValueError) -> None:
    assert len(str(error).splitlines()) <= 1, error


TIMELINE = {
    "version": 1,
    "keyframes": [
        {"image": "a.png", "position": "first", "strength": 1.0},
        {"image": "b.png", "position": 12},
    ],
    "prompts": [{"start": 0, "end": 8, "text": "a girl walks"}],
}
PAINTING = {
    "version": 1,
    "areas": [{"name": "hair", "keys": [{"frame": 0, "mask": "hair.png [input]"}], "still": False}],
}
INDEX = {
    "metadata": {"total_size": 16},
    "weight_map": {"a": "a-00001-of-00002.safetensors", "b": "a-00002-of-00002.safetensors"},
}
CAPTION = {"file_name": "a.png", "text": "a girl"}
API = {"1": {"class_type": "AniSoraDrawing", "inputs": {"drawing": "wave"}, "_meta": {"title": "a"}},
       "2": {"class_type": "AniSoraKeyframe", "inputs": {"image": ["1", 0], "position": "first", "strength": 1.0}}}  # fmt: skip


def shipped(name: str) -> Any:
    return json.loads((PACK / name).read_text("utf-8"))


def curriculum(content: str, folder: Path) -> None:
    recipes_of(LoraRecipe(), read_curriculum(str(stored(content, folder / "a.json"))))


def all_targets(folder: Path) -> dict[str, tuple[Target, st.SearchStrategy[Any]]]:
    """By name. `folder`: where valid files are made."""
    targets: dict[str, tuple[Target, st.SearchStrategy[Any]]] = {
        f"picture {name}": (
            lambda content, folder, suffix=suffix: read_a_picture(content, folder, suffix),
            changed_bytes(picture_bytes(name)),
        )
        for name, suffix in PICTURES.items()
    }
    blueprint = shipped("subgraphs/AniSora drawings to a clip.json")
    phases = json.loads(sorted(FOLDER.glob("*.json"))[0].read_text("utf-8"))
    return targets | {
        "video": (lambda content, folder: read_a_picture(content, folder, ".mp4"), changed_bytes(video_bytes(folder))),
        "timeline": (lambda content, _: parse_timeline_json(content), texts(TIMELINE)),
        "painting": (lambda content, _: parse_painting(content), texts(PAINTING)),
        "workflow": (read_a_workflow, texts(shipped("workflows/image_to_video.json")) | texts(API) | texts(blueprint)),
        "captions": (read_captions, texts(CAPTION)),
        "prompts of clips": (
            lambda content, folder: read_prompts(stored(content, folder / "a.txt")),
            texts({"a.mp4": "a girl waves", "b": "x"}) | st.from_regex(r"\A([a-z]{1,3}\t?[a-z ]{0,4}\n?){0,3}\Z") | changed_bytes(b"a\tgirl\nb\tx\n"),
        ),
        "recipe": (lambda content, folder: read_recipe(stored(content, folder / "a.json")), texts(LoraRecipe().flat())),
        "curriculum": (curriculum, texts(phases)),
        "trainer options": (
            lambda content, _: recipe_of("normal", {}, content),
            st.lists(st.tuples(st.sampled_from(["rank", "steps", "name", "dora", "x", ""]), scalars), max_size=3).map(
                lambda rows: "\n".join(f"{name} = {value}" for name, value in rows)
            )
            | st.text(max_size=30),
        ),
        "state": (lambda content, folder: saved_step(stored(content, folder / "state.pt").parent), changed_bytes(state_bytes())),
        "latents": (lambda content, folder: read_latent(stored(content, folder / "a.latent")), changed_bytes(latent_bytes())),
        "LoRA's run": (
            lambda content, folder: is_made_by(stored(content, folder / "a.safetensors"), "a", ["b"]),
            changed_bytes(lora_bytes()),
        ),
        "LoRA": (
            lambda content, folder: read_lora(stored(content, folder / "a.safetensors")),
            changed_bytes(lora_bytes()),
        ),
        "weights": (
            lambda content, folder: read_weights(stored(content, folder / "a.safetensors")),
            changed_bytes(lora_bytes()),
        ),
        "GGUF": (lambda content, folder: read_weights(stored(content, folder / "a.gguf")), changed_bytes(gguf_bytes())),
        "shard index": (read_an_index, texts(INDEX)),
        "pt": (lambda content, folder: open_weights(stored(content, folder / "a.pt")), changed_bytes(state_bytes())),
        "flags": (
            read_flags,
            st.text(max_size=30) | st.from_regex(r"\A[a-z:@.]{1,6}@[0-9.%slat]{1,5}(@[0-9.]{1,4})?\Z")
            | st.from_regex(r"\A[0-9]{1,3}x[0-9²]{1,3}\Z") | st.from_regex(r"\A[0-9]{1,2}-[0-9]{1,2}=[0-9.e]{1,4}\Z"),
        ),
    }  # fmt: skip
