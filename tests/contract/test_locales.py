"""What people read of the nodes, in English, Chinese and Japanese: names, tooltips, help pages, and words to search for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

PACK = Path(__file__).parents[2]
LANGUAGES = ("en", "zh", "ja")
TRANSLATED = LANGUAGES[1:]
#: Names that artists of every language use as they are.
KEPT = {"AniSora", "CFG", "CLIP", "VAE"}
SCRIPT = {"zh": re.compile("[\u4e00-\u9fff]"), "ja": re.compile("[\u3040-\u30ff\u4e00-\u9fff]")}
#: What vue-i18n reads as its own syntax. Hosts differ in whether an escape is undone, so texts do without.
SYNTAX = re.compile(r"[{}|@]")
#: Plain words -> a node that they must find.
SEARCHES = {
    "anime": "AniSoraModelLoader",
    "first last frame": "AniSoraTimeline",
    "mask paint": "AniSoraMotionPainter",
    "中割": "AniSoraTimeline",
    "keyframe": "AniSoraKeyframe",
    "inbetween": "AniSoraTimeline",
    "in-between": "AniSoraTimeline",
    "motion brush": "AniSoraMotionPainter",
    "motion mask": "AniSoraMotionMask",
    "first frame": "AniSoraKeyframe",
    "last frame": "AniSoraKeyframe",
    "storyboard": "AniSoraTimeline",
    "lora": "AniSoraLora",
    "image to video": "AniSoraGuide",
    "preview": "AniSoraSampler",
    "train": "AniSoraLoraTrainer",
    "lora trainer": "AniSoraLoraTrainer",
    "style": "AniSoraLoraTrainer",
    "训练": "AniSoraLoraTrainer",
    "学習": "AniSoraLoraTrainer",
    "关键帧": "AniSoraKeyframe",
    "首尾帧": "AniSoraTimeline",
    "运动笔刷": "AniSoraMotionPainter",
    "キーフレーム": "AniSoraKeyframe",
    "中割り": "AniSoraTimeline",
    "モーションブラシ": "AniSoraMotionPainter",
}


def read(language: str, file: str) -> dict[str, Any]:
    return json.loads((PACK / "locales" / language / f"{file}.json").read_text(encoding="utf-8"))


def inputs_of(node: Any) -> dict[str, Any]:
    return {name: spec for part in node.INPUT_TYPES().values() for name, spec in part.items()}


def help_page(name: str, language: str) -> str:
    """As the host's page looks for it: in its language, else beside that folder, which is ours in English."""
    docs = PACK / "web" / "docs"
    path = docs / f"{name}.md" if language == "en" else docs / name / f"{language}.md"
    return path.read_text(encoding="utf-8")


def texts(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    return [pair for key, inner in value.items() for pair in texts(inner, f"{path}.{key}")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_node_input_and_output_and_no_other(language):
    found = read(language, "nodeDefs")
    assert list(found) == list(NODE_CLASS_MAPPINGS)
    for name, node in NODE_CLASS_MAPPINGS.items():
        entry = found[name]
        assert set(entry) == {"display_name", "description", "inputs", "outputs"}, name
        assert list(entry["inputs"]) == list(inputs_of(node)), name
        assert all(set(row) == {"name", "tooltip"} for row in entry["inputs"].values()), name
        assert list(entry["outputs"]) == [str(slot) for slot in range(len(node.RETURN_TYPES))], name


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_has_signs_that_the_page_would_interpret(language):
    for file in ("nodeDefs", "main"):
        for path, text in texts(read(language, file)):
            assert text == text.strip() != "", path
            assert not SYNTAX.search(text), f"{language}{path}: {text}"


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_left_in_english(language):
    english = dict(texts(read("en", "nodeDefs")))
    for path, text in texts(read(language, "nodeDefs")):
        assert SCRIPT[language].search(text) or text in KEPT, f"{language}{path}: {text}"
        assert path in english, f"{language}{path}: not in English"
    assert len(texts(read(language, "nodeDefs"))) == len(english)


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_keep_the_numbers_folders_and_options_of_the_english(language):
    def kept(text: str) -> set[str]:
        return set(re.findall(r"(?<![A-Za-z])\d+(?:\.\d+)?|\w+/\w+", text, re.ASCII))

    english, translated = read("en", "nodeDefs"), read(language, "nodeDefs")
    known = dict(texts(english))
    for path, text in texts(translated):
        assert kept(known[path]) <= kept(text), f"{language}{path}: {text}"
    for name, node in NODE_CLASS_MAPPINGS.items():
        for key, spec in inputs_of(node).items():
            said = english[name]["inputs"][key]["tooltip"]
            named = (
                [option for option in spec[0] if f"{option}:" in said] if isinstance(spec[0], list) else []
            )
            assert all(option in translated[name]["inputs"][key]["tooltip"] for option in named), key


def test_english_is_what_the_nodes_say_themselves():
    """Hosts in other languages fall back to the nodes' own texts. One with JSON in it has words of its own."""
    found = read("en", "nodeDefs")
    for name, node in NODE_CLASS_MAPPINGS.items():
        assert found[name]["display_name"] == NODE_DISPLAY_NAME_MAPPINGS[name]
        assert found[name]["description"] == node.DESCRIPTION, name
        for key, spec in inputs_of(node).items():
            said = spec[1]["tooltip"]
            assert "{" in said or found[name]["inputs"][key]["tooltip"] == said, (
                f"{name}.{key}: change locales/*/nodeDefs.json too, in every language"
            )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_parts_of_the_categories_are_named(language):
    parts = {part for node in NODE_CLASS_MAPPINGS.values() for part in node.CATEGORY.split("/")}
    assert set(read(language, "main")["nodeCategories"]) == parts


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_a_help_page_explains_every_input_and_output_by_the_names_on_the_node(name, language):
    page, entry = help_page(name, language), read(language, "nodeDefs")[name]
    title = page.splitlines()[0]
    assert title.startswith("# ")
    assert entry["display_name"].startswith(title[2:])
    for key, row in entry["inputs"].items():
        assert f"**{row['name']}**" in page, f"input {key}"
        if row["name"].replace(" ", "_").lower() != key:  # errors and scripts name inputs by their ids
            assert f"`{key}`" in page, f"input {key}"
    for slot, row in entry["outputs"].items():
        assert f"**{row['name']}**" in page, f"output {slot}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_a_help_page_gives_the_range_of_every_number(name, language):
    page, entry = help_page(name, language), read(language, "nodeDefs")[name]["inputs"]
    for key, spec in inputs_of(NODE_CLASS_MAPPINGS[name]).items():
        if spec[0] in ("INT", "FLOAT"):
            lines = [line for line in page.splitlines() if f"**{entry[key]['name']}**" in line]
            high = f"{spec[1]['max']:g}" if spec[0] == "FLOAT" else str(spec[1]["max"])
            assert any(high in line for line in lines), f"{key}: up to {high}"


@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_the_languages_of_a_help_page_have_the_same_parts(name):
    def parts(page: str) -> list[str]:
        return [mark for mark in re.findall(r"^(#+|  - |- |\||```)", page, re.MULTILINE)]

    english = help_page(name, "en")
    for language in TRANSLATED:
        page = help_page(name, language)
        assert parts(page) == parts(english), language
        assert errors_in(page) == errors_in(english), language


def errors_in(page: str) -> set[str]:
    """What a page quotes of errors, in italics; they are English in every language."""
    return set(re.findall(r"(?<![*\w])\*(?!\*)([^*\n]+)\*(?!\*)", page))


@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_the_errors_that_a_help_page_explains_are_those_of_the_code(name):
    files = [path for part in ("anisora_core", "nodes") for path in (PACK / part).rglob("*.py")]
    code = " ".join(path.read_text(encoding="utf-8") for path in files)
    code = re.sub(r'"\s*\n\s*f?"', "", code) + "Value not in list"  # the last is the host's
    for error in errors_in(help_page(name, "en")):
        for said in error.split("…"):
            assert said.strip() in code, f"{error!r}: no longer said"


@pytest.mark.parametrize("word", SEARCHES)
def test_plain_words_find_a_node(word):
    """Hosts search a node's id and name in every version, and its aliases from 0.33 on; none searches descriptions."""
    name = SEARCHES[word]
    node = NODE_CLASS_MAPPINGS[name]
    seen = [name, *node.SEARCH_ALIASES, *(read(one, "nodeDefs")[name]["display_name"] for one in LANGUAGES)]
    assert any(word in one.lower() for one in seen), f"{word!r} in none of {seen}"


@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_every_node_has_words_to_be_found_by(name):
    words = NODE_CLASS_MAPPINGS[name].SEARCH_ALIASES
    assert len(words) == len(set(words)) > 2
    assert all(isinstance(word, str) and word.strip() == word != "" for word in words)
    assert any(SCRIPT["zh"].search(word) for word in words)
    assert any(re.search("[\u3040-\u30ff]", word) for word in words)
