"""Builds what users install, a wheel and the archive of the ComfyUI registry, and runs both outside of the repository.

    python .ci/package.py [--keep DIR]

The wheel goes into an empty environment, where the `anisora` command makes clips. The archive is unpacked and installed as
ComfyUI-Manager does it: a folder in custom_nodes, then its requirements.txt; then it is imported as ComfyUI imports it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

PACK = Path(__file__).resolve().parents[1]
NAME = "comfyui_anisora"
STARTED = time.monotonic()
#: What of the repository is the Python package; every tracked file in there must reach the wheel.
PARTS = ("__init__.py", "anisora_core/", "cli/", "locales/", "nodes/", "subgraphs/", "web/", "workflows/")
#: As ComfyUI's load_custom_node does; prints the nodes, and runs a workflow of the pack in its own engine.
LOAD = """
import importlib.util, json, pathlib, sys
path = pathlib.Path(sys.argv[1])
name = str(path).replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, path / "__init__.py")
sys.modules[name] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert (path / module.WEB_DIRECTORY).is_dir()
nodes = module.NODE_CLASS_MAPPINGS
assert set(nodes) == set(module.NODE_DISPLAY_NAME_MAPPINGS)
workflow = importlib.import_module(name + ".nodes.workflow")
rows = workflow.read_workflow(path / "workflows" / "first_last_frame.json", nodes)
for setting in ("AniSoraSampler.steps=2", "AniSoraTimeline.length=9"):
    workflow.override(rows, setting, nodes)
(clip,) = workflow.execute(rows, nodes, pathlib.Path("output"))
print(len(nodes), clip)
"""


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--keep", type=Path, metavar="DIR", help="keep the wheel and the archive here")
    keep = options.parse_args().keep
    with tempfile.TemporaryDirectory(
        prefix="anisora package "
    ) as folder:  # with a space, as users' folders have
        work = Path(folder)
        wheel = build_wheel(work)
        archive = build_archive(work)
        python = environment(work, wheel)
        run_wheel(python, work)
        run_archive(python, archive, work)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for file in (wheel, archive):
                shutil.copy(file, keep)
    say("the wheel and the archive install and run")
    return 0


def say(text: str) -> None:
    print(f"package, {time.monotonic() - STARTED:.0f} s: {text}", flush=True)


def call(*command: str | Path, cwd: Path) -> str:
    """What it prints. Outside of the repository nothing of it is on Python's path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"package: {' '.join(map(str, command[:4]))} failed\n{done.stdout}\n{done.stderr}")
    return done.stdout


def tracked(*more: str) -> list[str]:
    names = call("git", "ls-files", "-z", "--cached", *more, cwd=PACK).split("\0")
    return [name for name in names if name and (PACK / name).is_file()]


def build_wheel(work: Path) -> Path:
    """From a copy of the tracked files, so that nothing else gets in. Every one of the package's files must be in it."""
    files = tracked()
    for name in files:
        (work / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACK / name, work / "source" / name)
    call(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        work / "dist",
        work / "source",
        cwd=work,
    )
    (wheel,) = (work / "dist").glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    packed.discard(
        f"{NAME}/setup.py"
    )  # lies in the root package's folder, so setuptools takes it for a module
    wanted = {f"{NAME}/{name}" for name in files if name.startswith(PARTS)}
    if packed != wanted:
        raise SystemExit(
            f"package: the wheel lacks {sorted(wanted - packed)} and has {sorted(packed - wanted)} besides; "
            "see package-data in pyproject.toml"
        )
    say(f"{wheel.name}: {len(packed)} files, {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def build_archive(work: Path) -> Path:
    """As `comfy node pack` makes it: tracked files without those that .comfyignore names."""
    left_out = set(tracked("--ignored", "--exclude-from=.comfyignore"))
    files = [name for name in tracked() if name not in left_out]
    archive = work / "dist" / "node.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in files:
            packed.write(PACK / name, name)
    needed = {"pyproject.toml", "requirements.txt", "LICENSE", "README.md"}
    needed |= {name for name in tracked() if name.startswith(PARTS)}
    if not needed <= set(files):
        raise SystemExit(f"package: .comfyignore leaves out {sorted(needed - set(files))}, which users need")
    say(f"{archive.name}: {len(files)} files, {archive.stat().st_size / 1e6:.1f} MB")
    return archive


def environment(work: Path, wheel: Path) -> Path:
    """An empty one with the wheel in it -> its Python."""
    call(sys.executable, "-m", "venv", work / "environment", cwd=work)
    python = work / "environment" / "bin" / "python"
    pinned = ("-q", "--no-compile", "-c", PACK / "constraints.txt")
    call(python, "-m", "pip", "install", *pinned, f"{wheel}[standalone]", cwd=work)
    say("the wheel is installed in an empty environment")
    return python


def run_wheel(python: Path, work: Path) -> None:
    """The `anisora` command on the files that came with the wheel."""
    here = work / "somewhere else"
    here.mkdir()
    place = "import importlib.util as u; print(u.find_spec('comfyui_anisora').submodule_search_locations[0])"
    pack = Path(call(python, "-c", place, cwd=here).strip())
    anisora = python.with_name("anisora")
    call(anisora, "--help", cwd=here)
    workflow = pack / "workflows" / "image_to_video.json"
    small = ("--set", "AniSoraSampler.steps=2", "--set", "AniSoraTimeline.length=9")
    made = json.loads(call(anisora, "run", workflow, *small, "--json", cwd=here))["files"]
    drawing = pack / "web" / "drawings" / "wave.png"
    words = (
        "generate",
        "--keyframe",
        f"{drawing}@first",
        "--length",
        "5",
        "--steps",
        "1",
        "--out",
        "clip.webp",
    )
    made.append(json.loads(call(anisora, *words, "--json", cwd=here))["file"])
    call(anisora, "data", "cartoons", "--count", "1", "--length", "5", "--out", "cartoons", cwd=here)
    made.append("cartoons/0000.mp4")
    call(anisora, "data", "check", pack / "nodes" / "illustrations", cwd=here)
    plan = ("train", "lora", "--release", "V3.1", "--curriculum", "paper", "--images", here, "--plan")
    call(anisora, *plan, cwd=here)
    if not all((here / name).stat().st_size > 500 for name in made):
        raise SystemExit(f"package: one of {made} is empty")
    say(f"the wheel made {', '.join(made)}")


def run_archive(python: Path, archive: Path, work: Path) -> None:
    """In an environment that has only what ComfyUI brings, before requirements.txt is installed."""
    project = tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = [line.partition(">=")[0] for line in project["dependencies"]]
    call(python, "-m", "pip", "uninstall", "-q", "-y", project["name"], *ours, cwd=work)
    folder = work / "ComfyUI" / "custom_nodes" / project["name"]
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    call(python, "-m", "pip", "install", "-q", "-r", folder / "requirements.txt", cwd=folder)
    nodes, clip = call(python, "-c", LOAD, folder, cwd=work).strip().split(" ", 1)
    say(f"the archive has {nodes} nodes and made {clip}")


if __name__ == "__main__":
    sys.exit(main())
