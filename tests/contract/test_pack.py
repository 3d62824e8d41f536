"""What users and the host rely on: layers, ids and order of inputs, help, workflows, and how the pack is loaded."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import combinations
from pathlib import Path

import pytest
from comfyui_anisora import anisora_core
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from comfyui_anisora.nodes.workflow import HOST_NODES, Link, read_workflow, widget_names

PACK = Path(__file__).parents[2]
CORE = PACK / "anisora_core"
SNAPSHOT = Path(__file__).parent / "nodes.snapshot.json"
WORKFLOWS = sorted((PACK / "workflows").glob("*.json"))
MAKE_CLIPS = [path for path in WORKFLOWS if path.stem != "style_lora"]
#: Rooms of the core: each imports only from rows above its own.
ORDER = (
    ("domain",),
    ("media", "layers", "diffusion"),
    ("conditioning",),
    ("families", "encoders"),
    ("releases",),
    ("lora",),
    ("checkpoints",),
    ("runtime",),
    ("generation",),
    ("data",),
    ("evaluation",),
    ("training",),
)
RANK = {room: row for row, rooms in enumerate(ORDER) for room in rooms}


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.level, (node.module or "").split("."), [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name.split("."), []


def test_core_modules_import_only_the_layers_below_them():
    for path in CORE.rglob("*.py"):
        here = path.relative_to(CORE).with_suffix("").parts
        if here == ("__init__",):
            continue  # the public names, from wherever they are
        for level, module, names in imports(path):
            if not level:
                assert module[0] not in ("comfy", "folder_paths", "server", "nodes", "comfyui_anisora"), path
                continue
            assert level <= len(here), f"{path} reaches out of the core"
            target = [*here[: len(here) - level], *(part for part in module if part)] or names[:1]
            assert target[0] == here[0] or RANK[target[0]] < RANK[here[0]], f"{path} imports {target}"


def test_only_the_host_body_imports_the_host():
    for path in [*(PACK / "nodes").rglob("*.py"), *(PACK / "cli").rglob("*.py"), PACK / "__init__.py"]:
        found = {module[0] for level, module, _ in imports(path) if not level}
        if path.parent != PACK / "nodes" / "host" / "comfyui":
            assert not found & {"comfy", "folder_paths", "server", "comfy_execution"}, path


#: Functions that open pictures and videos, by module.
OPENERS = {
    "PIL.Image": {"open"}, "av": {"open"}, "cv2": {"imread", "imreadmulti", "VideoCapture", "imdecode"},
    "PIL.ImageFile": {"Parser"}, "matplotlib.pyplot": {"imread"}, "scipy.io": {"imread"},
}  # fmt: skip
#: Whole libraries that do nothing else.
READING_LIBRARIES = {"imageio", "torchvision.io", "decord", "pillow_heif", "skimage.io"}
#: Who opens them, and why.
MAY_OPEN = {
    "anisora_core/media/pictures.py": "every picture",
    "anisora_core/media/video.py": "every video",
    "anisora_core/media/images.py": "the art of mini's cartoons, which are a part of this package",
    "benchmarks/screenshots.py": "screenshots of a browser, never files",
}


def opened_with(tree: ast.Module) -> set[str]:
    """Names of openers that a module mentions, called or not, under whatever name they are imported."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.partition(".")[0]: alias.name
                if alias.asname
                else alias.name.partition(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    openers = {f"{module}.{name}" for module, functions in OPENERS.items() for name in functions}
    found = {name for name in names.values() if name in openers or name in READING_LIBRARIES}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts, value = [node.attr], node.value
            while isinstance(value, ast.Attribute):
                parts, value = [value.attr, *parts], value.value
            if isinstance(value, ast.Name):
                full = ".".join([names.get(value.id, value.id), *parts])
                found |= {full} & (openers | READING_LIBRARIES)
    return found


@pytest.mark.parametrize(
    "text",
    ["from PIL import Image\nImage.open(1)", "import PIL.Image\nPIL.Image.open(1)", "from PIL.Image import open as o",
     "import av as video\nread = video.open", "import cv2\nmap(cv2.imread, [])", "import imageio"],
)  # fmt: skip
def test_an_opener_is_found_however_it_is_written(text):
    assert opened_with(ast.parse(text))
    assert not opened_with(ast.parse("from PIL import Image\nImage.new('L', (1, 1))\nopen('a')"))


def test_only_the_media_room_opens_pictures_and_videos():
    found = {
        path.relative_to(PACK).as_posix()
        for room in ("anisora_core", "nodes", "cli", "benchmarks")
        for path in (PACK / room).rglob("*.py")
        if opened_with(ast.parse(path.read_text()))
    }
    assert found == set(MAY_OPEN)


def schema(node: type) -> dict:
    def inputs(part: dict) -> list:
        rows = []
        for name, spec in part.items():
            kind = "COMBO" if isinstance(spec[0], list) else spec[0]
            rows.append([name, kind, spec[1].get("default")])
        return rows

    parts = node.INPUT_TYPES()
    outputs = [list(pair) for pair in zip(node.RETURN_NAMES, node.RETURN_TYPES, strict=True)]
    return {
        "required": inputs(parts.get("required", {})),
        "optional": inputs(parts.get("optional", {})),
        "outputs": outputs,
    }


def test_ids_inputs_and_their_order_never_change():
    now = {name: schema(node) for name, node in NODE_CLASS_MAPPINGS.items()}
    before = json.loads(SNAPSHOT.read_text())
    for name, parts in before.items():
        for part, rows in parts.items():
            assert now[name][part][: len(rows)] == rows, (
                f"{name}.{part}: shipped ids, order and defaults stay as they are"
            )
    assert now == before, "new nodes and inputs: add them to nodes.snapshot.json"


@pytest.mark.parametrize("name", NODE_CLASS_MAPPINGS)
def test_every_node_has_a_name_a_description_help_and_tooltips(name):
    node = NODE_CLASS_MAPPINGS[name]
    assert NODE_DISPLAY_NAME_MAPPINGS[name]
    assert node.DESCRIPTION
    assert len((PACK / "web" / "docs" / f"{name}.md").read_text()) > 100
    for part in node.INPUT_TYPES().values():
        for key, spec in part.items():
            assert spec[1].get("tooltip"), f"{name}.{key}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_names_known_nodes_and_inputs(path):
    nodes = read_workflow(path, NODE_CLASS_MAPPINGS)
    for node in nodes.values():
        if node.kind in NODE_CLASS_MAPPINGS:
            known = NODE_CLASS_MAPPINGS[node.kind].INPUT_TYPES()
            names = {**known.get("required", {}), **known.get("optional", {})}
            assert set(node.inputs) <= set(names)
            assert set(known.get("required", {})) <= set(node.inputs)
        else:
            assert node.kind in HOST_NODES
        assert all(value.node in nodes for value in node.inputs.values() if isinstance(value, Link))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_a_picture(path):
    assert path.with_suffix(".jpg").stat().st_size > 2000


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_opens_tidy_and_repeats_itself(path):
    """A note, a fixed seed, and no node on another (a title is 30 high; Create Video grows by a row in newer hosts)."""
    rows = json.loads(path.read_text())["nodes"]
    assert {row["widgets_values"][1] for row in rows if row["type"] == "AniSoraSampler"} <= {"fixed"}
    assert [row for row in rows if row["type"] == "Note"]
    assert all(row["properties"]["Node name for S&R"] == row["type"] for row in rows if row["type"] != "Note")
    boxes = [(*row["pos"], row["pos"][0] + row["size"][0], row["pos"][1] + row["size"][1]) for row in rows]
    for (x, y, right, bottom), (x2, y2, right2, bottom2) in combinations(boxes, 2):
        assert right <= x2 or right2 <= x or bottom <= y2 - 30 or bottom2 <= y - 30


def test_the_table_of_releases_is_in_the_docs():
    rows = (PACK / "docs" / "releases.md").read_text().splitlines()
    for release in RELEASES.values():
        (row,) = [row for row in rows if row.startswith(f"| {release.name} |")]
        for said in (f"| {release.steps}, {release.sampler} |", f"| {release.num_frames}, {release.fps:g} |"):
            assert said in row
        for file in release.files:
            assert f"]({file.url}) {file.gigabytes:g}" in row


@pytest.mark.parametrize("path", MAKE_CLIPS, ids=lambda path: path.stem)
def test_a_workflow_names_the_files_it_needs_and_where_they_are(path):
    rows = json.loads(path.read_text())["nodes"]
    (loader,) = [row for row in rows if row["type"] == "AniSoraModelLoader"]
    (note,) = [row for row in rows if row["type"] == "Note"]
    files = RELEASES[loader["widgets_values"][0]].files
    known = [{"name": f.file_name, "url": f.url, "directory": f.folder} for f in files if f.file_name]
    assert loader["properties"].get("models", []) == known
    assert all(file.url in note["widgets_values"][0] for file in files)


BLUEPRINTS = sorted((PACK / "subgraphs").glob("*.json"))


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_is_one_node_of_known_ones_with_free_ends(path):
    """Newer hosts offer these by their file names; inside are our nodes with a value for each of their widgets."""
    data = json.loads(path.read_text())
    (outer,), (inside,) = data["nodes"], data["definitions"]["subgraphs"]
    assert outer["type"] == inside["id"]
    assert not [slot for slot in outer["inputs"] if slot["link"]]
    assert [slot["name"] for slot in outer["inputs"]] == [slot["name"] for slot in inside["inputs"]]
    for row in inside["nodes"]:
        assert row["type"] in NODE_CLASS_MAPPINGS or row["type"] in HOST_NODES
        assert len(row["widgets_values"]) == len(widget_names(row["type"], NODE_CLASS_MAPPINGS))
    links = {link["id"] for link in inside["links"]}
    assert all(set(slot["linkIds"]) <= links for slot in (*inside["inputs"], *inside["outputs"]))


def test_the_pack_loads_as_the_host_loads_it(tmp_path):
    """Under a path with dots and spaces as its module name, beside a top-level `nodes` module, without a host."""
    odd = tmp_path / "custom.nodes" / "My AniSora 1.0"
    shutil.copytree(
        PACK, odd, ignore=shutil.ignore_patterns(".*", "build", "runs", "output", "tests", "assets")
    )
    script = f"""
import importlib.util, sys, types
sys.modules["nodes"] = types.ModuleType("nodes")
path = {str(odd)!r}
name = path.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, path + "/__init__.py")
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
print(len(module.NODE_CLASS_MAPPINGS), module.WEB_DIRECTORY)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.split() == [str(len(NODE_CLASS_MAPPINGS)), "./web"]


def test_setup_finds_every_package():
    code = "import setuptools; setuptools.setup = lambda **said: print(*said['packages']); exec(open('setup.py').read())"
    run = subprocess.run([sys.executable, "-c", code], cwd=PACK, check=True, capture_output=True, text=True)
    found = {"comfyui_anisora"} | {
        ".".join(["comfyui_anisora", *path.parent.relative_to(PACK).parts])
        for top in ("anisora_core", "cli", "nodes")
        for path in (PACK / top).rglob("__init__.py")
    }
    assert set(run.stdout.split()) == found


def test_importing_the_core_loads_nothing_heavy():
    spec = importlib.util.find_spec("comfyui_anisora.anisora_core")
    assert spec is not None
    code = f"import sys, importlib.util as u; s = u.spec_from_file_location('core', {spec.origin!r}); m = u.module_from_spec(s); s.loader.exec_module(m); print('torch' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )


def test_pictures_in_docs_and_tests_stay_small():
    # every version of each stays in the history that everyone clones
    suffixes = (".png", ".jpg", ".webp", ".gif", ".mp4")
    for folder, largest in (("docs", 500_000), ("tests", 200_000), ("workflows", 100_000)):
        found = (PACK / folder).rglob("*.*")
        pictures = [path for path in found if path.suffix in suffixes and "node_modules" not in path.parts]
        large = [path.name for path in pictures if path.stat().st_size > largest]
        assert not large, f"{folder}: {large}: save them smaller, or at a lower quality"


def test_no_shipped_file_is_over_20_mb_and_mini_is_at_most_40():
    weights = list((CORE / "assets" / "mini").glob("*.safetensors"))
    assert weights
    assert max(path.stat().st_size for path in weights) < 20_000_000
    assert sum(path.stat().st_size for path in weights) <= 40_000_000


#: Owners of the repositories that texts may send a reader to; this project has no public address yet.
OWNERS = {"bilibili", "bookdash", "ggml-org", "Wan-Video"}


def test_texts_name_no_repository_that_does_not_exist():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PACK, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of its files")
    for name in filter(None, listed.stdout.split("\0")):
        path = PACK / name
        if (
            path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".js", ".rst", ".yaml", ""}
            and path.is_file()
        ):
            text = path.read_text(encoding="utf-8")
            assert set(re.findall(r"github\.com[/:]([\w-]+)/", text)) <= OWNERS, name


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((PACK / "pyproject.toml").read_text())["project"]
    assert project["version"] == anisora_core.__version__
    assert f"\n## {project['version']}\n" in (PACK / "CHANGELOG.md").read_text()


def test_requirements_are_those_of_the_project():
    project = tomllib.loads((PACK / "pyproject.toml").read_text())["project"]
    lines = (PACK / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == project["dependencies"]
