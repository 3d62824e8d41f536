"""Choices in the page's language, and what an unset one stands for."""

from __future__ import annotations

import pytest

NODE = """async () => {
  const { translateChoices } = await import("/web/choices.js");
  const { noteDefaults, showDefaults, standsFor } = await import("/web/defaults.js");
  const of_release = { mini: "open", V1: null };
  noteDefaults({ name: "AniSoraSampler", input: { optional: { guidance: ["COMBO", { default: "auto", of_release }] } } });
  const combo = (name, value) => ({ name, type: "combo", value, options: {} });
  window.node = { comfyClass: "AniSoraSampler", widgets: [combo("release", "mini"), combo("guidance", "auto"), combo("fit", "crop")] };
  window.said = (locale) => {
    for (const one of node.widgets) one.options = {};
    translateChoices(node, locale);
    showDefaults(node);
    node.onRemoved();
    return node.widgets.slice(1).map((one) => one.options.getOptionLabel?.(one.value) ?? one.value);
  };
  window.standsFor = standsFor;
}"""


@pytest.fixture
def node(page, site):
    script = "export const app = {}; export const api = { apiURL: String };"
    page.route("**/scripts/*.js", lambda route: route.fulfill(content_type="text/javascript", body=script))
    page.route(f"{site}/", lambda route: route.fulfill(content_type="text/html", body="<!doctype html>"))
    page.goto(f"{site}/")
    page.evaluate(NODE)
    return page


def test_a_choice_is_in_the_pages_language_with_its_value(node):
    assert node.evaluate("said('zh-CN')") == ["自动（auto）: open", "裁剪（crop）"]
    assert node.evaluate("said('ja')") == ["自動（auto）: open", "切り抜き（crop）"]
    assert node.evaluate("said('en')") == ["auto: open", "crop"]


def test_only_an_unset_choice_stands_for_the_releases(node):
    ask = "standsFor(node, node.widgets[1])"
    assert node.evaluate(ask) == "open"
    node.evaluate("node.widgets[1].value = 'rising'")
    assert node.evaluate(ask) == ""
    node.evaluate("node.widgets[1].value = 'auto'; node.widgets[0].value = 'V1'")
    assert node.evaluate(ask) == ""
