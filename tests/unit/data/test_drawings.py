"""Drawings that move: the library, scenes, exact motion; and the clips that training takes from them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from comfyui_anisora.anisora_core.data.drawings import animate, make_scene, read_library
from comfyui_anisora.anisora_core.data.drawings import prepare as prepare_module
from comfyui_anisora.anisora_core.data.drawings.animation import face_action
from comfyui_anisora.anisora_core.data.drawings.library import INDEX
from comfyui_anisora.anisora_core.data.drawings.looks import LOOKS
from comfyui_anisora.anisora_core.data.drawings.motions import FIGURE_MOTIONS, Shape
from comfyui_anisora.anisora_core.data.drawings.prepare import prepare_library
from comfyui_anisora.anisora_core.data.drawings.sources import PackagedDrawing, words_of
from comfyui_anisora.anisora_core.data.drawings.weather import WEATHER, draw_weather
from comfyui_anisora.anisora_core.data.training_clips import ClipSource, caption_words
from PIL import Image, ImageDraw

CANVAS = 128


def draw(path, *, eyes: str = "open", shift: int = 0) -> None:
    """A face with alpha; the same but for its eyes."""
    picture = Image.new("RGBA", (90, 120), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((10 + shift, 10, 80 + shift // 2, 110), fill=(230, 180, 140, 255), outline="black", width=3)
    for x in (30, 52):
        pen.ellipse((x, 45, x + 9, 54) if eyes == "open" else (x, 49, x + 9, 51), fill="black")
    picture.save(path)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Four drawings as `anisora data art` leaves them, the first with closed eyes and another mouth."""
    folder = tmp_path_factory.mktemp("art")
    rows = []
    for n in range(4):
        draw(folder / f"{n}.png", shift=8 * n)
        rows.append(
            {"file": f"{n}.png", "sha256": "ab3f"[n], "source": "test", "category": "people", "words": "face"}
            | {"closed": "", "mouths": []}
        )
    draw(folder / "closed.png", eyes="closed")
    draw(folder / "mouth.png", eyes="closed")
    rows[0] |= {"closed": "closed.png", "mouths": ["mouth.png"]}
    (folder / INDEX).write_text(json.dumps({"drawings": rows}))
    return folder


def clip_of(library, seed, **options):
    rng = np.random.default_rng(seed)
    scene = make_scene(rng, read_library(library, "train"), CANVAS, CANVAS)
    return scene, animate(scene, rng, **options)


def test_the_same_seed_draws_the_same_clip_and_another_seed_another(library):
    (_, first), (_, again), (_, other) = (clip_of(library, seed, num_frames=9) for seed in (3, 3, 4))
    assert np.array_equal(first.frames_FHWC, again.frames_FHWC)
    assert first.caption == again.caption
    assert not np.array_equal(first.frames_FHWC, other.frames_FHWC)


def test_what_does_not_move_is_equal_to_the_bit_and_the_mask_says_what_does(library):
    moved = 0
    for seed in range(12):
        _, clip = clip_of(library, seed, num_frames=9)
        changed = (clip.frames_FHWC[1:] != clip.frames_FHWC[:-1]).any(axis=3)
        assert np.array_equal(clip.moving_FHW[:-1], changed)
        moved += int(changed.any())
    assert moved >= 8  # scenes whose figure is hardly in the picture exist


def test_a_clip_moves_as_far_as_it_is_told_and_its_score_follows(library):
    distances, scores = [], []
    for amount in (1.0, 3.0, 9.0):
        clips = [clip_of(library, seed, num_frames=17, amount=amount)[1] for seed in range(10)]
        distances.append(np.mean([np.hypot(*np.moveaxis(c.displacement_FHW2, 3, 0)).mean() for c in clips]))
        scores.append(np.mean([c.motion_score for c in clips]))
    assert 2.0 < distances[1] / distances[0] < 4.0
    assert 2.0 < distances[2] / distances[1] < 4.0
    assert scores[0] < scores[1] < scores[2]


@pytest.mark.parametrize("motion", [motion for _, motion in FIGURE_MOTIONS], ids=lambda motion: motion.name)
def test_every_motion_starts_at_the_drawing_and_stays_near_its_amount(motion):
    alpha = np.zeros((64, 64), np.float32)
    alpha[8:60, 20:44] = 1.0
    shape = Shape(20.0, 8.0, 24.0, 52.0, alpha)
    time = (np.arange(33) / 32).astype(np.float32)
    for seed in range(5):
        terms = motion.terms(np.random.default_rng(seed), shape, 4.0, time)
        total = sum(term.field_HW2[None] * term.amount_F[:, None, None, None] for term in terms)
        assert np.abs(total[0]).max() < 1e-5
        inside = np.hypot(*np.moveaxis(total, 3, 0))[:, alpha > 0]
        assert 0.3 < inside.max() < 30.0
        assert total.dtype == np.float32 or np.isfinite(total).all()


def test_a_face_blinks_only_with_its_own_closed_eyes(library):
    drawings = read_library(library, "train")
    kinds = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scene = make_scene(rng, drawings[:1], CANVAS, CANVAS)
        layer = scene.layers[-1]
        kind, pictures = face_action(rng, layer, 33)
        kinds.add(kind)
        assert len(pictures) == 33
        assert pictures[0] is layer.picture
        shown = {id(picture) for picture in pictures}
        allowed = {id(layer.picture)} | {id(layer.closed)} if kind == "blink" else None
        assert allowed is None or shown == allowed
    assert {"", "blink", "talk", "change"} == kinds


def test_looks_keep_the_outline_and_all_are_drawn(library):
    names = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scene = make_scene(rng, read_library(library, "train"), 64, 64)
        names.add(scene.look.name)
        for layer in scene.layers:
            assert (layer.picture[..., :3] <= layer.picture[..., 3:]).all()  # premultiplied
    assert names == set(LOOKS)


def test_files_whose_hash_ends_in_0_are_held_out(library):
    index = json.loads((library / INDEX).read_text())
    index["drawings"][2]["sha256"] = "10"
    (library / "held").mkdir(exist_ok=True)
    (library / "held" / INDEX).write_text(json.dumps(index))
    assert [d.path.name for d in read_library(library / "held", "heldout")] == ["2.png"]
    assert len(read_library(library / "held", "train")) == 3


def test_a_library_is_prepared_once_without_doubles_and_says_its_sources(tmp_path, monkeypatch):
    drawn = tmp_path / "package"
    drawn.mkdir()
    draw(drawn / "cat_01.png")
    draw(drawn / "cat_02.png")  # the same picture
    draw(drawn / "dog.png", shift=30)
    draw(drawn / "dog_closed.png", eyes="closed", shift=30)
    (drawn / "broken.png").write_bytes(b"no picture")
    Image.new("RGBA", (900, 900), (0, 0, 0, 0)).save(drawn / "empty.png")
    found = [
        PackagedDrawing(
            path, "animals", words_of(path.stem), drawn / "dog_closed.png" if path.stem == "dog" else None
        )
        for path in sorted(drawn.glob("*.png"))
        if not path.stem.endswith("closed")
    ]
    monkeypatch.setattr(prepare_module, "drawings_of_source", lambda source, cache: iter(found))
    *_, (kept, seen) = prepare_library(["openclipart"], tmp_path / "out")
    assert (kept, seen) == (2, 5)
    rows = json.loads((tmp_path / "out" / INDEX).read_text())["drawings"]
    assert [row["words"] for row in rows] == ["cat", "dog"]
    assert (tmp_path / "out" / rows[1]["closed"]).exists()
    assert "public domain" in (tmp_path / "out" / "SOURCES.md").read_text()


def test_an_unknown_or_missing_source_is_one_clear_line(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="--sources nothing: unknown; use openclipart, avatars"):
        list(prepare_library(["nothing"], tmp_path))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ValueError, match="avatars: Node is not installed; install nodejs and npm"):
        list(prepare_library(["avatars"], tmp_path))
    with pytest.raises(ValueError, match=r"no index\.json; make the library with: anisora data art"):
        read_library(tmp_path, "train")


def test_training_takes_its_share_of_drawings_and_without_a_library_cartoons_alone(library):
    def kinds(source):
        clips = [source.clip(np.random.default_rng(seed), (64, 64), 9) for seed in range(20)]
        return [type(clip).__name__ for clip in clips]

    assert set(kinds(ClipSource())) == {"CartoonClip"}
    assert 5 < kinds(ClipSource(library, 0.5)).count("DrawnClip") < 15
    stills = [ClipSource(library, 0.9).still(np.random.default_rng(seed), (48, 64)) for seed in range(6)]
    assert {still.shape for still in stills} == {(48, 64, 3)}


def test_captions_are_made_of_known_words_and_the_words_cover_what_an_artist_types_first(library):
    known = set(caption_words())
    for seed in range(40):
        _, clip = clip_of(library, seed, num_frames=5)
        assert len(clip.caption) <= 110
        assert set(re.findall(r"[a-z]+", clip.caption)) <= known
    first = "girl boy man woman cat dog smiles blinks waves nods talks wind rain snow petals pans zooms slowly gently manga painting close up"
    assert set(first.split()) <= known
    assert len(known) >= 300


@pytest.mark.parametrize("kind", WEATHER)
def test_weather_falls_and_half_of_it_comes_to_a_dry_drawing(kind):
    frames = np.full((9, 64, 64, 3), 90, np.uint8)
    seconds = np.arange(9) / 12
    begins = 0
    for seed in range(20):
        drawn = draw_weather(frames, kind, np.random.default_rng(seed), seconds)
        assert (drawn[-1] != frames[-1]).any()
        assert (drawn[-1] != drawn[-2]).any()
        begins += int((drawn[0] != frames[0]).any())
    assert 4 <= begins <= 16
    assert (frames == 90).all()
