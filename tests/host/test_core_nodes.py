"""Every node of the host that makes conditioning for models of the Wan family, on our MODEL: the numbers of the host's own
model of the same file, or one line that says what ours has no input for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from hosts import PACK, find_hosts, result_of
from tiny_models import write_models

pytestmark = pytest.mark.host
SCRIPT = Path(__file__).parent / "measure_core_nodes.py"
PAGE = PACK / "docs" / "comfyui.md"


@pytest.fixture(
    scope="module", params=find_hosts() or [None], ids=lambda host: host.name if host else "no-host"
)
def measured(request, tmp_path_factory) -> dict:
    if request.param is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    base = tmp_path_factory.mktemp("core_nodes")
    write_models(base / "models")
    return result_of(SCRIPT, request.param, request.param, PACK, base)


def test_every_node_of_the_host_is_tried(measured):
    """A host's new node for these models fails here, until it has a case."""
    assert measured["present"] == sorted({row["node"] for row in measured["rows"]})


def test_a_node_gives_what_it_gives_on_the_hosts_own_model_or_says_why_not(measured):
    others = [row for row in measured["rows"] if row.get("off", 1.0) > 1e-4 and "\n" in row.get("says", "\n")]
    assert not others
    assert len([row for row in measured["rows"] if "off" in row]) >= 12


def test_the_page_lists_each_node_with_what_it_does(measured):
    text = PAGE.read_text("utf-8")
    for row in measured["rows"]:
        if "says" not in row:
            continue
        listed = [line for line in text.splitlines() if f"`{row['node']}`" in line]
        assert listed, row["node"]
    assert not [node for node in measured["present"] if f"`{node}`" not in text]


def test_windows_of_context_run_on_both_hosts(measured):
    """0.3.64 does not cut what lies beside the noise to a window, and its own image-to-video models fail there."""
    windows = measured["windows"]
    assert windows["frames"] == windows["AniSora Sampler"] == 9
    assert windows["differs from whole"] > 1e-3
    if "off" in windows:
        assert windows["off"] < 1e-4
    else:
        assert "Sizes of tensors must match" in windows["the host's own"]
