"""Installed, updated and removed in every real ComfyUI found, as ComfyUI-Manager does it: a clone, requirements.txt, a pull, a deletion."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import override, read_workflow, to_api
from hosts import PACK, Host, find_hosts, python_of, running
from workflow_files import PUBLISHED

pytestmark = pytest.mark.host
HOSTS = find_hosts()
#: The commit whose workflows are in tests/data/published/0.1.0.
V010 = "eda4aa2"


def git(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        ["git", *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def origin_at(commit: str, folder: Path) -> Path:
    """A repository that others clone, with one branch that ends at `commit`."""
    git("clone", "-q", "--bare", "--shared", PACK, folder, cwd=PACK)
    git("symbolic-ref", "HEAD", "refs/heads/published", cwd=folder)
    git("update-ref", "refs/heads/published", commit, cwd=folder)
    return folder


def nodes_of(host: Host) -> set[str]:
    failed = [line for line in host.log.read_text().splitlines() if "IMPORT FAILED" in line]
    assert not [line for line in failed if "AniSora" in line], host.log.read_text()[-2000:]
    return {name for name in host.call("/object_info") if name.startswith("AniSora")}


def assert_a_clip_is_made(host: Host) -> None:
    workflow = next(path for path in PUBLISHED if path.stem == "first_last_frame")
    nodes = read_workflow(workflow, NODE_CLASS_MAPPINGS)
    for setting in ("AniSoraSampler.steps=2", "AniSoraTimeline.length=5"):
        override(nodes, setting, NODE_CLASS_MAPPINGS)
    result = host.run(to_api(nodes))
    assert result["status"]["status_str"] == "success", host.log.read_text()[-2000:]


@pytest.mark.parametrize("found", HOSTS or [None], ids=lambda host: host.name if host else "no-host")
def test_the_pack_is_installed_updated_and_removed(found: Path | None, tmp_path: Path):
    if found is None:
        pytest.skip("no ComfyUI found: set COMFYUI_PATH to run the host tests")
    if subprocess.run(["git", "cat-file", "-e", V010], cwd=PACK, check=False, capture_output=True).returncode:
        pytest.skip(f"this clone does not go back to {V010}, from which the update starts")
    origin = origin_at(V010, tmp_path / "origin.git")
    base = tmp_path / "base with a space"
    installed = base / "custom_nodes" / "ComfyUI-AniSora"
    git("clone", "-q", f"file://{origin}", installed, "--depth", "1", cwd=tmp_path)
    requirements = ["-m", "pip", "install", "-q", "-r", str(installed / "requirements.txt")]
    subprocess.run([python_of(found), *requirements], check=True, capture_output=True, timeout=300)
    with running(found, base, pack=None) as host:
        assert nodes_of(host)
        assert_a_clip_is_made(host)

    git("update-ref", "refs/heads/published", git("rev-parse", "HEAD", cwd=PACK), cwd=origin)
    git("pull", "-q", "--ff-only", cwd=installed)  # over the old version's __pycache__, which stays
    subprocess.run([python_of(found), *requirements], check=True, capture_output=True, timeout=300)
    with running(found, base, pack=None) as host:
        assert nodes_of(host) == set(NODE_CLASS_MAPPINGS)
        assert_a_clip_is_made(host)

    shutil.rmtree(installed)
    with running(found, base, pack=None) as host:
        assert not nodes_of(host)
        assert "AniSora" not in host.log.read_text()
