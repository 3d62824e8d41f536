"""Titles and notes of the templates in the page's language; a workflow that a user saved is left as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PACK = Path(__file__).parents[2]
TEMPLATES = {path.stem: json.loads(path.read_text("utf-8")) for path in (PACK / "workflows").glob("*.json")}
TRANSLATE = """async ([data, locale]) => {
  const { translateTemplate } = await import("/web/templates.js");
  translateTemplate(data, locale);
  return data;
}"""


def words_in(data: dict) -> list[str]:
    notes = [node["widgets_values"][0] for node in data["nodes"] if node["type"].endswith("Note")]
    titles = [one["title"] for one in (*data["groups"], *data["nodes"]) if one.get("title")]
    return [*titles, *(line for note in notes for line in note.split("\n"))]


@pytest.fixture
def translate(page, site):
    page.route(f"{site}/", lambda route: route.fulfill(content_type="text/html", body="<!doctype html>"))
    page.goto(f"{site}/")
    return lambda data, locale: page.evaluate(TRANSLATE, [data, locale])


@pytest.mark.parametrize("locale", ["zh", "ja"])
def test_no_word_of_a_template_is_left_in_english(translate, locale):
    for name, data in TEMPLATES.items():
        made = translate(data, locale)
        left = set(words_in(data)) & set(words_in(made))
        assert not [one for one in left if one.strip() and not one.startswith("- ")], name
        assert "anisora_template" not in made["extra"]
        same = [[node["id"], node["type"], node.get("pos")] for node in data["nodes"]]
        assert [[node["id"], node["type"], node.get("pos")] for node in made["nodes"]] == same


def test_english_and_what_is_no_template_stay(translate):
    data = TEMPLATES["image_to_video"]
    assert words_in(translate(data, "en-US")) == words_in(data)
    saved = {**data, "extra": {}}
    assert translate(saved, "zh") == saved
