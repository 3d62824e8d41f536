"""Phrases of our own that were replaced by the field's words (docs/glossary.md) stay out of what people read."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS

PACK = Path(__file__).parents[2]
#: In lower case, each exactly as it stood in a tooltip, a help page, a message or a page of docs.
RETIRED = (
    "to be told by",
    "the model is told",
    "kept while sampling",
    "for models trained so",
    "what suits the release",
    "when something was done to it",
    "no later drawing decides",
    "to the letter",
    "jumps about",
    "looks at the first drawing",
    "is shown to it",
    "are guessed",
    "guess half of",
    "as its authors do",
    "the computer's memory",
    "blocks that wait",
    "swapped blocks",
    "the frozen",
    "is no number",
    "are not numbers",
    "teaches itself more",
    "more hold more",
    "words that call the style",
    "does the style take",
    "run goes on",
    "of any maker",
    "any maker's",
    "in the box",
    "falls apart",
    "words alone",
    "swap what moves",
    "less suggests it",
    "blocks not named count whole",
    "the file the release names",
    "how it learns and",
    "tells no size",
    "none of the known models",
    "waits for a node that never runs",
    "is no option",
    "is no pattern",
    "is no recipe",
    "is no lora",
    "is no picture",
    "is no object",
    "plain steps",
    "each still its own guide",
    "training data one can watch",
)
#: The glossary names what terms were called; the changelog is history.
PAGES = [
    PACK / "README.md",
    PACK / "CONTRIBUTING.md",
    *(path for path in sorted((PACK / "docs").glob("*.md")) if path.name != "glossary.md"),
    *sorted((PACK / "web" / "docs").glob("*.md")),
]
CODE = [path for part in ("anisora_core", "nodes", "cli") for path in sorted((PACK / part).rglob("*.py"))]
SCRIPTS = sorted((PACK / "web").rglob("*.js"))
#: What `docs/glossary.md` must have: the proper name, and the stored value or the earlier key.
RENAMED = (
    ("mask conditioning", "condition"),
    ("latent lock", "hold"),
    ("keyframe mask", "paper"),
    ("method", "way"),
    ("V1 reference", "authors"),
    ("dense guide", "canvas"),
    ("per-keyframe guide", "slots"),
    ("text features", "Words"),
    ("unconstrained mask", "left_open"),
    ("load", "bring"),
    ("base model", "frozen"),
    ("block offload", "swap"),
    ("batch size", "batch"),
    ("gradient accumulation", "accumulate"),
    ("max grad norm", "clip_norm"),
    ("gradient checkpointing", "checkpointing"),
    ("blocks to swap", "swap_blocks"),
    ("keep tokens", "keep_words"),
    ("prior preservation", "prior"),
    ("resume from LoRA", "start"),
    ("max pixels", "area"),
    ("timestep sampling", "timesteps"),
)


def retired_in(text: str) -> list[str]:
    plain = " ".join(text.lower().split())
    return [phrase for phrase in RETIRED if phrase in plain]


def strings_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """String literals but docstrings, with {} for what an f-string fills in."""
    quiet = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            quiet.update(map(id, node.values))
            yield (
                node.lineno,
                "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.lineno, node.value


def labels(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from labels(inner)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PACK).as_posix())
def test_no_page_has_a_retired_phrase(page):
    assert not retired_in(page.read_text("utf-8"))


def test_no_tooltip_or_label_has_a_retired_phrase():
    said = list(labels(json.loads((PACK / "locales/en/nodeDefs.json").read_text("utf-8"))))
    for node in NODE_CLASS_MAPPINGS.values():
        specs = [spec for part in node.INPUT_TYPES().values() for spec in part.values()]
        said += [node.DESCRIPTION, *(spec[1]["tooltip"] for spec in specs)]
    assert len(said) > 300
    assert not [(text, found) for text in said if (found := retired_in(text))]


def test_no_message_has_a_retired_phrase():
    found = [
        f"{path.relative_to(PACK)}:{line}: {phrase}"
        for path in CODE
        for line, text in strings_of(ast.parse(path.read_text("utf-8")))
        for phrase in retired_in(text)
    ]
    assert not found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(PACK).as_posix())
def test_no_text_of_the_widgets_has_a_retired_phrase(script):
    quoted = re.findall(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`', script.read_text("utf-8"))
    assert not [(text, found) for text in quoted if (found := retired_in(text))]


@pytest.mark.parametrize(("term", "earlier"), RENAMED)
def test_the_glossary_has_each_renamed_term_once(term, earlier):
    lines = [line for line in (PACK / "docs/glossary.md").read_text("utf-8").splitlines() if "|" in line]
    mine = [line for line in lines if re.match(rf"\| {re.escape(term)}[ ,|(]", line)]
    assert len(mine) == 1
    assert earlier in mine[0]
