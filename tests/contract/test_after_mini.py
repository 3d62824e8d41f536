"""The command that makes everything again after mini's weights were replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def after_mini(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import after_mini

    monkeypatch.setattr(after_mini, "DONE", tmp_path / "done.json")
    return after_mini


def test_every_step_is_a_command_that_exists_and_takes_its_options(after_mini):
    for remake in after_mini.REMAKES:
        script = BENCHMARKS.parent / remake.command[0]
        assert script.is_file()
        for word in remake.command[1:]:
            assert (
                not word.startswith("--")
                or f'"{word}"' in script.read_text() + (BENCHMARKS / "publish.py").read_text()
            )


def test_a_step_is_made_once_with_the_same_weights_and_a_failed_one_again(after_mini, monkeypatch, capsys):
    ran = []

    def run(command, cwd):
        ran.append(command[1])
        return subprocess.CompletedProcess(command, int("demo" in command[1]))

    monkeypatch.setattr(after_mini.subprocess, "run", run)
    assert after_mini.main(["--only", "golden", "small pictures", "keeps"]) == 1
    assert ran == ["tests/golden/test_mini.py", "benchmarks/demo.py"]
    assert "keeps: give the folder of drawings with --art" in capsys.readouterr().out
    assert after_mini.main(["--only", "golden", "small pictures"]) == 1
    assert ran[2:] == ["benchmarks/demo.py"]
    assert list(json.loads(after_mini.DONE.read_text())) == ["golden"]
    assert after_mini.main(["--list"]) == 0
    assert capsys.readouterr().out.count("out of date, ") == len(
        after_mini.REMAKES
    )  # one of the command before, all but one of this


def test_it_runs_as_a_command(tmp_path):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "after_mini.py"), "--list"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "keeps" in done.stdout
