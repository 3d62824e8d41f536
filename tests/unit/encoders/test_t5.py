"""Prompts to features: cleaning, ids, and what each model does with padding."""

from __future__ import annotations

import itertools
import sys

import pytest
import torch
from comfyui_anisora.anisora_core.data.cartoons import caption_words, make_shot, render
from comfyui_anisora.anisora_core.domain.text_rules import V1_TEXT, WAN_TEXT, TextRules
from comfyui_anisora.anisora_core.encoders.byte_t5 import (
    ByteTextEncoder,
    TextConfig,
    byte_ids,
    init_byte_positions,
    known_words,
)
from comfyui_anisora.anisora_core.encoders.t5 import T5Shape, T5TextEncoder, clean_text, t5_encoder
from comfyui_anisora.anisora_core.generation.loading import load_mini

T5 = T5Shape(vocabulary=40, dim=16, ffn_dim=24, num_layers=2, num_heads=2, head_dim=6)
UMT5 = T5Shape(40, 16, 24, 2, 2, 6, bias_in_every_block=True)


def letters(text):
    """ids 3..28"""
    return [3 + ord(letter) - ord("a") for letter in text if letter.isalpha()]


def encoder(shape, rules):
    torch.manual_seed(0)
    network = t5_encoder(shape)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.3)
    return T5TextEncoder(network.eval(), letters, rules)


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("  a girl\n\twalks  ", "a girl walks"),
        ("âœ” No problems", "✔ No problems"),  # ftfy's own example of mended encoding
        ("schÃ¶n", "schön"),
        ("a &amp;amp; b &lt;c&gt;", "a & b <c>"),
        ("“quoted” it’s", '"quoted" it\'s'),
        ("ＬＯＵＤ　ＮＯＩＳＥＳ", "LOUD NOISES"),
        ("女の子が走る。", "女の子が走る。"),
        ("", ""),
    ],
)
def test_prompts_are_cleaned_as_the_authors_clean_them(typed, cleaned):
    assert clean_text(typed) == cleaned


def test_a_missing_ftfy_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ftfy", None)
    with pytest.raises(ValueError, match="pip install ftfy"):
        clean_text("a")


def test_ids_end_with_1_are_padded_with_0_and_truncation_keeps_the_end():
    ids, mask = encoder(T5, TextRules(4)).tokenize(["ab", "", "abcdef"])
    assert ids.tolist() == [[3, 4, 1, 0], [1, 0, 0, 0], [3, 4, 5, 1]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]


def test_only_wans_rules_clean_the_text():
    typed = "a &amp; b"
    assert encoder(UMT5, WAN_TEXT).tokenize([typed])[1].sum() == 3
    assert encoder(T5, V1_TEXT).tokenize([typed])[1].sum() == 6


def test_umt5_masks_padding_and_its_rows_are_zero():
    wan = encoder(UMT5, WAN_TEXT)
    ids, mask = wan.tokenize(["abc", "a"])
    text = wan.encode(["abc", "a"])
    with torch.no_grad():
        whole = wan.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    assert text.shape == (2, 512, 16)
    assert (text[0, :4] - whole[0, :4]).abs().max() < 1e-5
    assert (text[1, :2] - whole[1, :2]).abs().max() < 1e-5
    assert not text[0, 4:].any()
    assert not text[1, 2:].any()


def test_a_row_does_not_depend_on_the_longest_of_its_batch():
    wan = encoder(UMT5, WAN_TEXT)
    assert (wan.encode(["abc", "a" * 90])[0] - wan.encode(["abc"])[0]).abs().max() < 1e-5


def test_v1_attends_padding_and_keeps_its_rows():
    v1 = encoder(T5, V1_TEXT)
    ids, _ = v1.tokenize(["abc"])
    text = v1.encode(["abc"])
    with torch.no_grad():
        unmasked = v1.encoder(input_ids=ids).last_hidden_state
    assert text.shape == (1, 226, 16)
    assert torch.equal(text, unmasked)
    assert text.any(-1).all()


def test_bytes_are_byt5s_ids():
    from transformers import ByT5Tokenizer

    for prompt in ("a girl walks", "女の子 été", ""):
        assert ByT5Tokenizer()(prompt)["input_ids"] == [*byte_ids(prompt), 1]


def test_minis_encoder_keeps_its_names_and_length():
    mini = ByteTextEncoder(TextConfig(16, 24, 1, 2, 8, max_length=12))
    assert all(name.startswith("encoder.") for name, _ in mini.named_parameters())
    assert mini.encode(["abc", ""]).shape == (2, 12, 16)
    assert not mini.encode(["abc"])[0, 4:].any()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("girl with red hair in blue waves, city. motion score: 2.5.", None),
        (
            "A storybook Girl waves, in a garden (red)! motion score: 2.5.",
            "a girl waves, in a red motion score: 2.5.",
        ),
        ("女の子が手を振る", ""),
        ("From 0.0 s to 1.5 s: she waves.", "to waves."),
        ("the score of a ballroom", "a"),
        ("", ""),
    ],
)
def test_words_that_mini_never_saw_are_left_out(text, read):
    vocabulary = ("a", "blue", "girl", "hair", "in", "red", "waves", "with", "city", "to", "ball")
    assert known_words(text, vocabulary) == (text if read is None else read)
    mini = ByteTextEncoder(TextConfig(16, 24, 1, 2, 8, max_length=80, vocabulary=vocabulary))
    of_text, of_read = mini.encode([text, text if read is None else read])
    assert torch.equal(of_text, of_read)


def test_the_mini_in_the_box_reads_every_word_of_its_captions():
    config = load_mini().text_encoder.config
    assert config.vocabulary == caption_words()
    for seed, split in itertools.product(range(150), ("train", "heldout")):
        caption = render(make_shot(seed, split=split), num_frames=2, height=16, width=16).caption
        assert known_words(caption, config.vocabulary) == caption


def test_byte_positions_point_heads_at_neighbours():
    mini = ByteTextEncoder(TextConfig(16, 24, 1, 6, 8, max_length=12))
    attention = mini.encoder.encoder.block[0].layer[0].SelfAttention
    before = attention.relative_attention_bias.weight.clone()
    init_byte_positions(mini)
    bias_HQK = attention.compute_bias(12, 12)[0]
    middle = bias_HQK[:, 6]
    assert middle[:2].argmax(1).tolist() == [5, 7]  # the byte before, the byte after
    assert bool((middle[2].diff() > 0)[:6].all())
    assert bool((middle[2, 7:] < -10).all())
    assert torch.equal(middle[3].flip(0)[:-1], middle[2, 1:])  # the same, mirrored
    assert torch.equal(attention.relative_attention_bias.weight[:, 4:], before[:, 4:])


def test_order_of_bytes_counts_after_the_start():
    def told_apart(encoder, one, other):
        first, second = (encoder.encode([text])[0, : len(text) + 1] for text in (one, other))
        return float((first.mean(0) - second.mean(0)).norm() / first.mean(0).norm())

    torch.manual_seed(0)
    mini = ByteTextEncoder(TextConfig())
    as_t5_starts = told_apart(mini, "motion score: 0.5.", "motion score: 5.0.")
    init_byte_positions(mini)
    assert told_apart(mini, "motion score: 0.5.", "motion score: 5.0.") > 5 * as_t5_starts


def words_of(text):
    """A token for each word, told by its letters."""
    return [2 + sum(map(ord, word)) for word in text.split()]


@pytest.mark.parametrize(("most", "kept"), [(8, 5), (14, 7), (30, 23)])
def test_of_a_long_prompt_the_artists_words_are_cut_and_not_the_scores(most, kept, caplog):
    body = " ".join(f"word{number}" for number in range(40))
    tail = "aesthetic score: 5.5. motion score: 3.0. x"
    made = T5TextEncoder(torch.nn.Identity(), words_of, TextRules(most + 1))
    if most == 8:  # half of what is read may be the tail
        tail = "motion score: 3.0."

    ids, mask = made.tokenize([f"{body} {tail}"])
    assert mask.sum() == most + 1
    assert ids[0].tolist() == [*words_of(body)[: most - len(words_of(tail))], *words_of(tail), 1]
    assert most - len(words_of(tail)) == kept
    (record,) = caplog.records
    assert f"it has {40 + len(words_of(tail))} tokens, and the release reads {most}; " in record.getMessage()


def test_a_long_text_without_scores_loses_its_end_and_a_short_one_nothing(caplog):
    made = T5TextEncoder(torch.nn.Identity(), words_of, TextRules(5))
    assert made.tokenize(["a b c d e f"])[0][0].tolist() == [*words_of("a b c d"), 1]
    assert len(caplog.records) == 1
    assert made.tokenize(["a motion score: 3"])[0][0].tolist() == [*words_of("a motion score: 3"), 1]
    endless = "camera motion: " + "left " * 20
    assert made.tokenize([endless])[0][0].tolist() == [*words_of(endless)[:4], 1]
    assert len(caplog.records) == 2
