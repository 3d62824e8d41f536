"""Drawings as artists have them: every format and accident of a folder, and what is said about it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from comfyui_anisora.anisora_core.data.buckets import assign
from comfyui_anisora.anisora_core.data.captions import (
    captions_by_model,
    captions_from_names,
    compose_caption,
    without_trigger,
    write_captions,
)
from comfyui_anisora.anisora_core.data.training_folder import read_training_folder, report
from picture_files import claimed, coloured, drawing, saved
from PIL import Image


def reported(root, **options):
    folder = read_training_folder(root)
    return "\n".join(report(folder, assign(folder.items, 64 * 48, 16), **options).lines())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, "does not exist"),
        (lambda root: root.touch(), "is a file; give the folder"),
        (lambda root: root.mkdir(), "put drawings into it"),
        (lambda root: (root.mkdir(), (root / "a.png").touch()), "'a.png' is an empty file"),
    ],
)
def test_nothing_to_train_on_is_one_clear_line(tmp_path, make, says):
    make(tmp_path / "art")
    with pytest.raises(ValueError, match=says) as raised:
        read_training_folder(tmp_path / "art")
    assert "art" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_one_picture_is_enough_but_a_warning(tmp_path):
    saved(drawing(), tmp_path / "a.png")
    folder = read_training_folder(tmp_path)
    (item,) = folder.items
    assert (item.height, item.width, item.num_frames, item.caption, item.repeats) == (48, 64, 1, "", 1)
    assert "20 or more" in reported(tmp_path)


def test_broken_files_are_left_out_and_named(tmp_path):
    saved(drawing(), tmp_path / "good.png")
    cut = saved(drawing(1, (256, 256)), tmp_path / "cut.png")
    cut.write_bytes(cut.read_bytes()[:5000])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.webp").write_text("no picture")
    (tmp_path / "text.mp4").write_text("no clip")
    (tmp_path / "huge.png").write_bytes(claimed(40_000, 40_000))
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "source.clip").write_text("layers")
    (tmp_path / "readme.md").write_text("not even looked at")
    folder = read_training_folder(tmp_path)
    assert [item.path.name for item in folder.items] == ["good.png"]
    told = {problem.path.name: (problem.kind, problem.what) for problem in folder.problems}
    assert {name for name, (kind, _) in told.items() if kind == "broken"} == {
        "cut.png", "empty.jpg", "text.webp", "text.mp4", "huge.png", "gone.png",
    }  # fmt: skip
    assert told["source.clip"] == ("skipped", "is a drawing program's own file; save it as PNG")
    assert all("\n" not in what for _, what in told.values())
    assert list(told) == sorted(told)


def test_hidden_files_our_output_and_link_loops_are_not_followed(tmp_path):
    root = tmp_path / "outside" / "art"
    saved(drawing(0), root / "b" / "a.png")
    saved(drawing(1), root / ".hidden.png")
    saved(drawing(2), root / ".cache" / "a.png")
    saved(drawing(3), root / "anisora_output" / "sample.png")
    saved(drawing(4), tmp_path / "outside" / "private.png")
    saved(drawing(5), tmp_path / "more" / "linked.png")
    (root / "b" / "loop").symlink_to(root)
    (root / "up").symlink_to(tmp_path / "outside")
    (root / "more").symlink_to(tmp_path / "more")
    (root / "again").symlink_to(tmp_path / "more")
    folder = read_training_folder(root)
    assert [str(item.path.relative_to(root)) for item in folder.items] == ["again/linked.png", "b/a.png"]
    assert not folder.problems


def test_names_with_anything_in_them(tmp_path):
    names = [
        'it\'s "art".png',
        "line\nbreak.png",
        "絵 🎨.png",
        "a,b;$(c) %d.png",
        "-rf.png",
        "a.b.c.png",
        b"\xff.png",
    ]
    for number, name in enumerate(names):
        path = tmp_path / (name if isinstance(name, str) else name.decode(errors="surrogateescape"))
        saved(drawing(number), path).with_suffix(".txt").write_text(f"picture {number}")
    folder = read_training_folder(tmp_path)
    assert sorted(item.caption for item in folder.items) == [f"picture {n}" for n in range(len(names))]
    (tmp_path / "line\nbreak.png").write_bytes(b"broken")
    shown = report(read := read_training_folder(tmp_path), assign(read.items, 64 * 48, 16))
    assert all("\n" not in line for line in shown.lines())
    assert "'line\\nbreak.png' is not a picture" in "\n".join(shown.lines())
    "\n".join(shown.lines()).encode()
    json.dumps(shown.as_json()).encode()


def test_order_is_of_names_not_of_the_disk(tmp_path):
    for number, name in enumerate(("c.png", "a/z.png", "b.png", "a.png")):
        saved(drawing(number), tmp_path / name)
    names = [str(item.path.relative_to(tmp_path)) for item in read_training_folder(tmp_path).items]
    assert names == ["a.png", "a/z.png", "b.png", "c.png"]


def test_repeats_come_from_the_nearest_numbered_folder(tmp_path):
    for number, name in enumerate(
        ("a.png", "3_ink/b.png", "3_ink/sub/c.png", "3_ink/7_wash/d.png", "2024_old/e.png")
    ):
        saved(drawing(number), tmp_path / name)
    repeats = {item.path.stem: item.repeats for item in read_training_folder(tmp_path).items}
    assert repeats == {"a": 1, "b": 3, "c": 3, "d": 7, "e": 1}
    assert "2 shown 3 times an epoch" in reported(tmp_path)


def test_the_same_file_counts_once_and_the_captioned_one_stays(tmp_path):
    first = saved(drawing(0), tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "copy.png").write_bytes(first.read_bytes())
    (tmp_path / "sub" / "copy.txt").write_text("a cat")
    saved(drawing(1), tmp_path / "b.png")
    (tmp_path / "c.png").touch()
    folder = read_training_folder(tmp_path)
    assert [item.path.name for item in folder.items] == ["b.png", "copy.png"]
    problem, _ = folder.problems
    assert (problem.path.name, problem.kind) == ("a.png", "duplicate")
    assert "'sub/copy.png'" in problem.what


def test_near_duplicates_are_told_and_kept(tmp_path):
    saved(drawing(0, (320, 240)), tmp_path / "a.png")
    saved(drawing(0, (320, 240)).resize((200, 150)), tmp_path / "b.jpg", quality=60)
    saved(drawing(0, (320, 240)).crop((8, 6, 312, 234)), tmp_path / "c.png")
    for seed in range(1, 20):
        saved(drawing(seed), tmp_path / f"other{seed}.png")
    folder = read_training_folder(tmp_path)
    assert len(folder.items) == 22
    assert [(a.name, b.name) for a, b in folder.similar] == [("a.png", "b.jpg"), ("a.png", "c.png")]
    assert "'b.jpg' looks like 'a.png'" in reported(tmp_path)


def test_line_drawings_on_white_are_told_apart(tmp_path):
    from PIL import ImageDraw

    for seed in range(20):
        page = Image.new("L", (400, 300), 255)
        points = np.random.default_rng(seed).integers(40, 260, (12, 2)).ravel().tolist()
        ImageDraw.Draw(page).line(points, fill=0, width=3)
        saved(page, tmp_path / f"{seed}.png")
    assert not read_training_folder(tmp_path).similar


# Captions


def test_captions_from_text_and_from_every_form_of_jsonl(tmp_path):
    for number, name in enumerate(
        ("txt.png", "sub/hf.png", "kohya.png", "musubi.png", "none.png", "empty.png", "both.png")
    ):
        saved(drawing(number), tmp_path / name)
    (tmp_path / "txt.txt").write_bytes("\ufeffa cat,\r\n sitting \n".encode())
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "both.txt").write_text("from the text")
    lines = [
        {"file_name": "sub/hf.png", "text": "a dog"},
        {"image": str(tmp_path / "kohya.png"), "caption": "a\nhorse\ud83d"},  # half of an emoji
        {"file_name": "./sub/../both.png", "text": "from the list"},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "sub" / "more.jsonl").write_text(
        json.dumps({"media_path": "../musubi.png", "prompt": "a bird"}) + "\n\n"
    )
    folder = read_training_folder(tmp_path)
    assert {item.path.stem: item.caption for item in folder.items} == {
        "txt": "a cat, sitting", "hf": "a dog", "kohya": "a horse?", "musubi": "a bird", "none": "", "empty": "",
        "both": "from the text",
    }  # fmt: skip
    said = reported(tmp_path)
    assert "1 without a caption: 'none.png'" in said
    assert "'empty.png' has an empty caption" in said


def test_what_is_wrong_with_captions_is_said(tmp_path):
    saved(drawing(0), tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes("猫".encode("shift-jis"))
    (tmp_path / "list.jsonl").write_text(
        '{"file_name": "a.png", "text": "a cat"}\n{"file_name": "gone.png"}\nno\n[1]\n'
    )
    folder = read_training_folder(tmp_path)
    assert folder.items[0].caption == "a cat"
    assert [problem.kind for problem in folder.problems] == ["caption", "caption"]
    said = "\n".join(problem.what for problem in folder.problems)
    assert "save its .txt again as UTF-8" in said
    assert "3 lines" in said
    assert "'gone.png'" in said


@pytest.mark.parametrize(
    ("caption", "trigger", "composed"),
    [
        ("a cat", "inkwash", "inkwash, a cat"),
        ("a cat, InkWash", "inkwash", "a cat, InkWash"),
        ("inkwashed", "inkwash", "inkwash, inkwashed"),
        ("blinkwash", "inkwash", "inkwash, blinkwash"),
        ("", "ink (wash)", "ink (wash)"),
        ("a cat", "", "a cat"),
        ("", "", ""),
    ],
)
def test_the_trigger_is_said_once(caption, trigger, composed):
    rng = np.random.default_rng(0)
    assert compose_caption(caption, trigger, shuffle=False, keep=0, rng=rng) == composed


@pytest.mark.parametrize(
    ("caption", "trigger", "left"),
    [
        ("inkwash, a cat", "inkwash", "a cat"),
        ("a cat, InkWash, at night.", "inkwash", "a cat, at night"),
        ("a pink hat", "ink", "a pink hat"),
        ("Ink (wash). A cat", "ink (wash)", "A cat"),
        ("ink", "ink", ""),
        ("a cat, 7 p.m.", "", "a cat, 7 p.m"),
    ],
)
def test_the_trigger_is_left_out(caption, trigger, left):
    assert without_trigger(caption, trigger) == left


def test_tags_after_the_kept_ones_are_shuffled():
    rng = np.random.default_rng(0)
    composed = {compose_caption("a, b, c, d,", "t", shuffle=True, keep=2, rng=rng) for _ in range(40)}
    assert composed == {"t, a, b, c, d", "t, a, b, d, c"}
    assert len({compose_caption("a, b, c", "", shuffle=True, keep=0, rng=rng) for _ in range(100)}) == 6


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("01_red-haired_girl2.png", "red haired girl"),
        ("2024-03-01 (7).png", ""),
        ("3f9c_cat's.png", "cat's"),
        ("猫_12.png", "猫"),
    ],
)
def test_names_become_words(tmp_path, name, caption):
    path = saved(drawing(), tmp_path / name)
    assert list(captions_from_names(read_training_folder(tmp_path).items)) == [(path, caption)]


def test_an_artists_caption_is_never_overwritten_unasked(tmp_path):
    (tmp_path / "a.txt").write_text("mine")
    pairs = [(tmp_path / "a.png", "new"), (tmp_path / "b.png", "猫"), (tmp_path / "c.png", "")]
    assert write_captions(pairs) == [tmp_path / "b.txt"]
    assert (tmp_path / "a.txt").read_text() == "mine"
    assert (tmp_path / "b.txt").read_text("utf-8") == "猫\n"
    assert write_captions(pairs[:1], overwrite=True) == [tmp_path / "a.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_a_model_of_transformers_captions_pictures_and_clips(tmp_path):
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", "a", "cat", "runs", "red"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    layers = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokens = {
        "vocab_size": len(words),
        "bos_token_id": 5,
        "pad_token_id": 0,
        "eos_token_id": 3,
        "sep_token_id": 3,
    }
    config = transformers.BlipConfig(
        text_config={**layers, **tokens, "encoder_hidden_size": 16},
        vision_config={**layers, "image_size": 32, "patch_size": 16},
    )
    model = tmp_path / "model"
    transformers.BlipForConditionalGeneration(config).save_pretrained(model)
    transformers.BlipProcessor(
        transformers.BlipImageProcessor(size={"height": 32, "width": 32}),
        transformers.BertTokenizer(str(tmp_path / "vocab.txt")),
    ).save_pretrained(model)
    first, *rest = coloured(3)
    paths = [
        saved(drawing(), tmp_path / "a.png"),
        saved(first, tmp_path / "b.gif", save_all=True, append_images=rest),
    ]
    said = list(captions_by_model(paths, model))
    assert [path for path, _ in said] == paths
    assert all(isinstance(caption, str) and set(caption.split()) <= set(words) for _, caption in said)
    assert any(caption for _, caption in said)


def test_a_folder_without_a_captioning_model_is_named(tmp_path):
    pytest.importorskip("transformers")
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(ValueError, match="blip-image-captioning-base") as raised:
            captions_by_model([], folder)
        assert str(folder) in str(raised.value)
        assert "\n" not in str(raised.value)


# The report


def test_the_report_counts_what_it_says(tmp_path):
    for number in range(3):
        saved(drawing(number, (96, 64)), tmp_path / f"{number}.png")
    saved(drawing(3, (48, 32)), tmp_path / "small.png")
    saved(drawing(4, (8, 8)), tmp_path / "tiny.png")
    first, *rest = coloured(5, (64, 64))
    saved(first, tmp_path / "clip.gif", save_all=True, append_images=rest)
    folder = read_training_folder(tmp_path)
    told = report(folder, assign(folder.items, 64 * 64, 16), max_pixels=64 * 64)
    assert (told.pictures, told.clips) == (5, {"clip.gif": 5})
    assert (told.smallest, told.largest) == ((8, 8), (64, 96))
    assert told.buckets == {(32, 48): 1, (48, 80): 3, (64, 64): 1}
    assert (told.small, told.too_small) == (("small.png",), ("tiny.png",))
    assert told.as_json()["buckets"] == {"48x32": 1, "80x48": 3, "64x64": 1}
    assert json.loads(json.dumps(told.as_json())) == told.as_json()
    assert told.lines()[0] == "5 pictures and 1 clip, 8x8 to 96x64"
