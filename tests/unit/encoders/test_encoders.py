"""Encoders from the files artists have: tokenizers in every place, ids equal to transformers', features to the network's."""

from __future__ import annotations

import io
import json
import random
import sys
from base64 import b64decode
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sentencepiece
import tokenizers
import torch
import transformers
from comfyui_anisora.anisora_core.checkpoints.conversion import convert
from comfyui_anisora.anisora_core.checkpoints.gguf_metadata import read_gguf_metadata
from comfyui_anisora.anisora_core.checkpoints.load import describe
from comfyui_anisora.anisora_core.checkpoints.load_encoders import load_image_encoder, load_text_encoder
from comfyui_anisora.anisora_core.domain.text_rules import V1_TEXT, WAN_TEXT
from comfyui_anisora.anisora_core.domain.weights import Entry, Weights
from comfyui_anisora.anisora_core.encoders.clip import ClipShape, clip_features, clip_vision
from comfyui_anisora.anisora_core.encoders.keymaps import T5_FROM_GGUF, UMT5_FROM_WAN
from comfyui_anisora.anisora_core.encoders.t5 import T5Shape
from comfyui_anisora.anisora_core.encoders.tokenizers import find_tokenizer, read_tokenizer
from gguf import GGUFWriter
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from tiny_models import named_by, random_t5

WORDS = (
    "a girl",
    "walks",
    "runs",
    "dances",
    "under the blue sky",
    "wind",
    "rain",
    "city",
    "風",
    "空",
    "女の子",
    "走る",
    "été",
)
PROMPTS = [
    "a girl dances",
    "  the   sky\nblue.  ",
    "女の子 走る 空",
    "ｒｕｎｓ　in the ｃｉｔｙ",
    "",
    "walksruns",
    "wind " * 40,
]
#: Rows of the embedding beyond the pieces, as T5-XXL's.
SPARE = 28
#: By hand: three special pieces, then pieces whose sum of scores makes the segmentation below the best.
PIECES = [
    ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("a", -3.0), ("▁a", -1.0), ("▁gir", -4.0), ("▁girl", -3.0),
    ("l", -2.5), ("▁wa", -2.0), ("lk", -2.0), ("s", -1.5), ("▁walk", -5.0),
]  # fmt: skip
GOLDEN = {"a girl": [5, 7], "a  girl walks": [5, 7, 9, 10, 11], "la": [3, 8, 4], "": [], "q": [3, 2]}


def trained(**more):
    rng = random.Random(0)
    text = [" ".join(rng.choices(WORDS, k=8)) + rng.choice(".!?,") for _ in range(300)]
    proto = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=proto, vocab_size=400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        model_type="unigram", hard_vocab_limit=False, minloglevel=2, **more,
    )  # fmt: skip
    return proto.getvalue()


@pytest.fixture(scope="module")
def proto():
    return trained()


@pytest.fixture(scope="module")
def reference(proto, tmp_path_factory):
    """transformers' own tokenizer from the sentencepiece model."""
    folder = tmp_path_factory.mktemp("spiece")
    (folder / "spiece.model").write_bytes(proto)
    return transformers.T5Tokenizer.from_pretrained(folder, extra_ids=0)


def write_tokenizer_json(proto, folder):
    """transformers' conversion of the sentencepiece model."""
    (folder / "spiece.model").write_bytes(proto)
    transformers.T5TokenizerFast.from_pretrained(folder, extra_ids=0).save_pretrained(folder)
    (folder / "spiece.model").unlink()
    return folder / "tokenizer.json"


def charsmap_of(proto):
    """The normaliser's table."""
    with TemporaryDirectory() as folder:
        normalizer = json.loads(write_tokenizer_json(proto, Path(folder)).read_text())["normalizer"]
    first = normalizer.get("normalizers", [normalizer])[0]  # transformers 4 has a sequence of them
    return b64decode(first["precompiled_charsmap"])


def kind_of(processor, piece):
    """Types of pieces in GGUF: normal, unknown, control, byte."""
    if processor.is_unknown(piece):
        return 2
    return 3 if processor.is_control(piece) else 6 if processor.is_byte(piece) else 1


def write_gguf(path, proto, tensors):
    """As llama.cpp's converter writes T5: names of ggml, the tokenizer piece by piece."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
    pieces = range(processor.get_piece_size())
    writer = GGUFWriter(path, "t5encoder")
    writer.add_tokenizer_model("t5")
    writer.add_token_list(
        [processor.id_to_piece(piece) for piece in pieces] + [f"[PAD{i}]" for i in range(SPARE)]
    )
    writer.add_token_scores([processor.get_score(piece) for piece in pieces] + [-10000.0] * SPARE)
    writer.add_token_types([kind_of(processor, piece) for piece in pieces] + [5] * SPARE)
    writer.add_precompiled_charsmap(charsmap_of(proto))
    for name, value in tensors.items():
        writer.add_tensor(name, value.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def weights_at(path, **entries):
    held = {name: Entry((), "U8", lambda value=value: value) for name, value in entries.items()}
    details = partial(read_gguf_metadata, path) if path.suffix == ".gguf" else dict
    return Weights(path, held, details=details)


def bytes_of(proto):
    return torch.frombuffer(bytearray(proto), dtype=torch.uint8)


def network(*, vocabulary, umt5):
    return random_t5(T5Shape(vocabulary, 16, 24, 2, 2, 6, bias_in_every_block=umt5))


def scaled_fp8(weights):
    """ComfyUI's: matrices of blocks in float8 with a scale beside each, and a marker."""
    out = {"scaled_fp8": torch.zeros(0, dtype=torch.float8_e4m3fn)}
    for name, value in weights.items():
        out[name] = value
        if ".layer." in name and value.ndim == 2 and "bias" not in name:
            scale = value.abs().max() / 448
            out[name] = (value / scale).to(torch.float8_e4m3fn)
            out[name.replace(".weight", ".scale_weight")] = scale
    return out


def test_a_checkpoints_text_encoder_brings_its_tokenizer(tmp_path, proto, reference):
    """As ComfyUI's: the network under `text_encoders.NAME.transformer.`, the sentencepiece model beside it."""
    encoder = named_by(network(vocabulary=len(reference) + SPARE, umt5=True))
    tensors = {f"text_encoders.umt5xxl.transformer.{name}": value for name, value in encoder.items()}
    save_file(tensors | {"text_encoders.umt5xxl.spiece_model": bytes_of(proto)}, tmp_path / "all.safetensors")
    loaded = load_text_encoder(tmp_path / "all.safetensors", torch.float32)
    ids, mask = loaded.tokenize(["the cat"])
    assert ids[mask.bool()].tolist() == reference("the cat").input_ids


@pytest.mark.parametrize("form", ["spiece_model", "spiece.model", "tokenizer.json", "gguf"])
def test_every_form_gives_transformers_ids(tmp_path, proto, reference, form):
    if form == "spiece_model":
        weights = weights_at(tmp_path / "t5.safetensors", spiece_model=bytes_of(proto))
    elif form == "gguf":
        write_gguf(tmp_path / "t5.gguf", proto, {"x": torch.zeros(1)})
        weights = weights_at(tmp_path / "t5.gguf")
    else:
        weights = weights_at(tmp_path / "t5.safetensors")
        if form == "spiece.model":
            (tmp_path / form).write_bytes(proto)
        else:
            write_tokenizer_json(proto, tmp_path)
    tokenizer = find_tokenizer(weights, len(reference) + SPARE)
    for prompt in PROMPTS:
        assert [*tokenizer.tokenize(prompt), 1] == reference(prompt)["input_ids"], prompt


def test_padding_and_truncation_are_transformers_own(tmp_path, proto, reference):
    save_file(
        named_by(network(vocabulary=len(reference) + SPARE, umt5=False)) | {"spiece_model": bytes_of(proto)},
        tmp_path / "t5.safetensors",
    )
    encoder = load_text_encoder(tmp_path / "t5.safetensors", torch.float32)
    encoder.rules = replace(encoder.rules, max_length=9)
    ids, mask = encoder.tokenize(PROMPTS)
    theirs = reference(PROMPTS, padding="max_length", truncation=True, max_length=9, return_tensors="pt")
    assert torch.equal(ids, theirs["input_ids"])
    assert torch.equal(mask, theirs["attention_mask"])


def test_golden_ids(tmp_path):
    parsed = tokenizers.Tokenizer(tokenizers.models.Unigram(PIECES, 2))
    parsed.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    parsed.normalizer = tokenizers.normalizers.Replace(tokenizers.Regex(" {2,}"), " ")
    parsed.enable_truncation(2)
    parsed.enable_padding(length=9)
    parsed.save(str(tmp_path / "tokenizer.json"))
    tokenizer = read_tokenizer(tmp_path / "tokenizer.json")
    assert {text: tokenizer.tokenize(text) for text in GOLDEN} == GOLDEN


def test_characters_without_a_piece_become_bytes_where_there_are_pieces_for_them(tmp_path):
    proto = trained(byte_fallback=True)
    write_gguf(tmp_path / "t5.gguf", proto, {"x": torch.zeros(1)})
    (tmp_path / "spiece.model").write_bytes(proto)
    inside = find_tokenizer(weights_at(tmp_path / "t5.gguf"), 400)
    beside = read_tokenizer(tmp_path / "spiece.model")
    assert inside.source.endswith("(metadata)")
    assert inside.tokenize("a ☃") == beside.tokenize("a ☃")
    assert len(beside.tokenize("☃")) == 4  # a space, three bytes


def test_places_are_tried_in_the_documented_order(tmp_path, proto):
    models, host = tmp_path / "models" / "text_encoders", tmp_path / "host"
    for folder in (models / "google" / "umt5-xxl", tmp_path / "models" / "tokenizer", host):
        folder.mkdir(parents=True)
    path = models / "t5.safetensors"
    made = [host, tmp_path / "models" / "tokenizer", models / "google" / "umt5-xxl", models]
    for folder in made:
        (folder / "spiece.model").write_bytes(proto)
        assert find_tokenizer(weights_at(path), 100, host).source == str(folder / "spiece.model")
    write_tokenizer_json(proto, models)
    assert find_tokenizer(weights_at(path), 100, host).source == str(models / "tokenizer.json")
    inside = find_tokenizer(weights_at(path, spiece_model=bytes_of(proto)), 100, host)
    assert inside.source == f"{path} (spiece_model)"


def test_no_tokenizer_is_one_line_that_names_file_places_and_source(tmp_path):
    with pytest.raises(
        ValueError, match=r"t5\.safetensors comes without its tokenizer; put tokenizer\.json"
    ) as error:
        find_tokenizer(weights_at(tmp_path / "t5.safetensors"), 256384)
    for part in ("spiece.model", "google/umt5-xxl", "https://huggingface.co/", str(tmp_path)):
        assert part in str(error.value)


def test_the_tokenizer_of_another_model_is_passed_over_and_named(tmp_path, proto):
    (tmp_path / "spiece.model").write_bytes(proto)
    with pytest.raises(ValueError, match=r"spiece\.model has \d+ pieces; the encoder has 256384 rows"):
        find_tokenizer(weights_at(tmp_path / "t5.safetensors"), 256384)


def test_inspect_says_which_tokenizer_an_encoder_has_or_what_to_put_where(tmp_path, proto, reference):
    file = comfyui(tmp_path, proto, network(vocabulary=len(reference) + SPARE, umt5=True))
    assert describe(file)["tokenizer"] == f"{file} (spiece_model)"
    save_file(named_by(network(vocabulary=len(reference) + SPARE, umt5=False)), tmp_path / "t5.safetensors")
    assert (
        "t5.safetensors comes without its tokenizer; put tokenizer.json or spiece.model or"
        in (describe(tmp_path / "t5.safetensors")["tokenizer"])
    )
    (tmp_path / "spiece.model").write_bytes(proto)
    assert describe(tmp_path / "t5.safetensors")["tokenizer"] == str(tmp_path / "spiece.model")


@pytest.mark.parametrize("name", ["tokenizer.json", "spiece.model"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_damaged_tokenizer_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged .*download it again"):
        read_tokenizer(tmp_path / name)


def test_a_missing_sentencepiece_is_one_line(tmp_path, proto, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    (tmp_path / "spiece.model").write_bytes(proto)
    with pytest.raises(ValueError, match="pip install sentencepiece"):
        read_tokenizer(tmp_path / "spiece.model")


def official_wan(folder, proto, model):
    torch.save(named_by(model, UMT5_FROM_WAN), folder / "models_t5_umt5-xxl-enc-bf16.pth")
    (folder / "google" / "umt5-xxl").mkdir(parents=True)
    (folder / "google" / "umt5-xxl" / "spiece.model").write_bytes(proto)
    return folder / "models_t5_umt5-xxl-enc-bf16.pth"


def comfyui(folder, proto, model):
    save_file(named_by(model) | {"spiece_model": bytes_of(proto)}, folder / "umt5_xxl_fp16.safetensors")
    return folder / "umt5_xxl_fp16.safetensors"


def with_metadata(folder, proto, model):
    write_gguf(folder / "umt5-xxl-encoder.gguf", proto, named_by(model, T5_FROM_GGUF))
    return folder / "umt5-xxl-encoder.gguf"


def diffusers_folder(folder, proto, model):
    for name in ("text_encoder", "tokenizer"):
        (folder / name).mkdir()
    save_file(named_by(model), folder / "text_encoder" / "model.safetensors")
    write_tokenizer_json(proto, folder / "tokenizer")
    return folder / "text_encoder"


@pytest.mark.parametrize(
    ("write", "umt5"),
    [(official_wan, True)]
    + [(write, umt5) for write in (comfyui, with_metadata, diffusers_folder) for umt5 in (True, False)],
)
def test_every_layout_reads_prompts_as_the_network_itself(tmp_path, proto, reference, write, umt5):
    model = network(vocabulary=len(reference) + SPARE, umt5=umt5)
    encoder = load_text_encoder(write(tmp_path, proto, model), torch.float32)
    assert encoder.rules == (WAN_TEXT if umt5 else V1_TEXT)
    assert encoder.to(torch.device("cpu")) is encoder
    ids, mask = encoder.tokenize(["a girl dances"])
    assert ids[0, : mask.sum()].tolist() == reference("a girl dances")["input_ids"]
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=mask if umt5 else None).last_hidden_state
    expected = theirs * mask[..., None] if umt5 else theirs
    assert (encoder.encode(["a girl dances"]) - expected).abs().max() < 1e-5


def test_scaled_fp8_of_comfyui_loads(tmp_path, proto, reference):
    model = network(vocabulary=len(reference) + SPARE, umt5=True)
    packed = scaled_fp8(named_by(model)) | {"spiece_model": bytes_of(proto)}
    save_file(packed, tmp_path / "umt5_xxl_fp8_e4m3fn_scaled.safetensors")
    encoder = load_text_encoder(tmp_path / "umt5_xxl_fp8_e4m3fn_scaled.safetensors", torch.bfloat16)
    key = "block.1.layer.1.DenseReluDense.wi_0.weight"
    loaded, original = encoder.encoder.encoder.get_parameter(key), model.encoder.get_parameter(key)
    assert loaded.dtype == torch.bfloat16
    assert (loaded.float() - original).abs().max() < 0.05 * original.abs().max()


def test_v1s_tokenizer_comes_from_the_folder_of_the_host(tmp_path, proto, reference):
    host = tmp_path / "t5_tokenizer"
    host.mkdir()
    write_tokenizer_json(proto, host)
    (tmp_path / "models").mkdir()
    save_file(
        named_by(network(vocabulary=len(reference) + SPARE, umt5=False)),
        tmp_path / "models" / "t5xxl.safetensors",
    )
    encoder = load_text_encoder(tmp_path / "models" / "t5xxl.safetensors", torch.float32, host)
    assert encoder.encode(["a girl"]).shape == (1, 226, 16)


def test_an_official_umt5_is_converted_for_comfyui_with_its_tokenizer_and_back(tmp_path, proto, reference):
    model = network(vocabulary=len(reference) + SPARE, umt5=True)
    official = official_wan(tmp_path, proto, model)
    facts = convert(official, "transformers", tmp_path / "new" / "umt5.safetensors")
    assert (facts["tokenizer"], facts["left_out"]) == ("spiece_model", 0)
    found = load_file(tmp_path / "new" / "umt5.safetensors")
    assert bytes(found.pop("spiece_model").numpy()) == proto
    assert found.keys() == named_by(model).keys()
    before, after = (
        load_text_encoder(path, torch.float32).encode(["a girl dances"])
        for path in (official, tmp_path / "new" / "umt5.safetensors")
    )
    assert torch.equal(before, after)
    convert(tmp_path / "new" / "umt5.safetensors", "official", tmp_path / "back.safetensors")
    back, expected = load_file(tmp_path / "back.safetensors"), torch.load(official)
    assert back.keys() == expected.keys()
    assert all(torch.equal(back[name], value) for name, value in expected.items())


def test_scaled_fp8_of_comfyui_becomes_bf16_with_its_tokenizer(tmp_path, proto, reference):
    packed = scaled_fp8(named_by(network(vocabulary=len(reference) + SPARE, umt5=True)))
    save_file(packed | {"spiece_model": bytes_of(proto)}, tmp_path / "umt5_fp8.safetensors")
    convert(tmp_path / "umt5_fp8.safetensors", "transformers", tmp_path / "umt5.safetensors", dtype="bf16")
    before, after = (
        load_text_encoder(tmp_path / name, torch.bfloat16).encode(["a girl dances"])
        for name in ("umt5_fp8.safetensors", "umt5.safetensors")
    )
    assert torch.equal(before, after)


def test_v1s_t5_has_no_form_of_wans(tmp_path, proto, reference):
    file = comfyui(tmp_path, proto, network(vocabulary=len(reference) + SPARE, umt5=False))
    with pytest.raises(ValueError, match=r"is a T5 encoder \(transformers\); use transformers"):
        convert(file, "official", tmp_path / "out.safetensors")


def test_clip_is_converted_into_wans_names_and_back(tmp_path, clip_file):
    path, _ = clip_file
    convert(path, "official", tmp_path / "official.safetensors")
    assert "visual.transformer.1.attn.to_qkv.weight" in load_file(tmp_path / "official.safetensors")
    convert(tmp_path / "official.safetensors", "transformers", tmp_path / "back.safetensors")
    back, expected = load_file(tmp_path / "back.safetensors"), load_file(path)
    assert back.keys() == expected.keys()
    assert all(torch.equal(back[name], value) for name, value in expected.items())


@pytest.fixture
def clip_file(tmp_path):
    shape = ClipShape(dim=160, ffn_dim=32, num_layers=2, num_heads=2)
    tower = clip_vision(shape).eval()
    save_file(
        {f"vision_model.{name}": value.detach().clone() for name, value in tower.named_parameters()},
        tmp_path / "clip_vision_h.safetensors",
    )
    return tmp_path / "clip_vision_h.safetensors", tower


def test_pictures_become_257_tokens(clip_file):
    path, tower = clip_file
    encoder = load_image_encoder(path, torch.float32)
    picture = torch.rand(2, 60, 90, 3)
    assert encoder.encode(picture).shape == (2, 257, 160)
    assert torch.equal(encoder.encode(picture), clip_features(tower, picture))
    assert encoder.to(torch.device("cpu")) is encoder


def test_the_other_kind_of_encoder_is_refused(tmp_path, clip_file, proto, reference):
    text = comfyui(tmp_path, proto, network(vocabulary=len(reference) + SPARE, umt5=True))
    with pytest.raises(ValueError, match=r"is a CLIP image encoder .*pick a umT5 or T5 text encoder"):
        load_text_encoder(clip_file[0], torch.float32)
    with pytest.raises(ValueError, match=r"is a T5 encoder .*pick a CLIP image encoder"):
        load_image_encoder(text, torch.float32)
