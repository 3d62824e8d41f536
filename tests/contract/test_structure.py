"""How the code is built: nobody asks which family or release it is, one name means one thing, functions and files stay short."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from comfyui_anisora.anisora_core.families import families
from comfyui_anisora.anisora_core.releases import RELEASES

PACK = Path(__file__).parents[2]
ROOMS = ("anisora_core", "nodes", "cli")
#: A family is its own folder, and each of the two hosts has a body of its own: there, names repeat and types are asked for.
BODIES = (PACK / "nodes" / "host" / "comfyui", PACK / "nodes" / "host" / "standalone")
FAMILIES = PACK / "anisora_core" / "families"
LONGEST_FUNCTION, LONGEST_FILE = 60, 500


def modules(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    for room in rooms:
        for path in (PACK / room).rglob("*.py"):
            yield path, ast.parse(path.read_text())


def shared(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    """Without the families' folders and the hosts' bodies."""
    for path, tree in modules(*rooms):
        if not (path.is_relative_to(FAMILIES) or any(path.is_relative_to(body) for body in BODIES)):
            yield path, tree


def branches(tree: ast.AST) -> Iterator[ast.expr]:
    """What is decided upon: comparisons, isinstance calls, and values that are matched or looked up by. An assertion decides nothing."""
    asserted = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.Assert) for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in asserted:
            continue
        if isinstance(node, ast.Compare):
            yield from (node.left, *node.comparators)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            yield from node.args
        elif isinstance(node, ast.MatchValue):
            yield node.value
        elif isinstance(node, ast.Subscript):
            yield node.slice


def mentions(expression: ast.expr) -> set[str]:
    """Names, attributes and texts inside."""
    found: set[str] = set()
    for node in ast.walk(expression):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def test_no_branch_asks_for_a_family():
    """By its name or title, or by the type of one of its networks or configurations."""
    telling = {name for family in families() for name in (family.name, family.title)}
    for path, tree in modules("anisora_core/families"):
        if path.parent != FAMILIES:
            telling |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    telling -= {"Block", "Head", "Encoder", "Decoder"}  # words of every network
    asked = {
        (path.relative_to(PACK).as_posix(), name)
        for path, tree in shared(*ROOMS)
        for expression in branches(tree)
        for name in mentions(expression) & telling
    }
    assert asked == set()


def test_no_branch_asks_for_a_release():
    """`anisora_core/training/recipes` makes mini, and so may name it."""
    names = {*RELEASES, "MINI_NAME", "MINI_DIR", "DEFAULT_RELEASE", "is_mini"}
    asked = {
        (path.relative_to(PACK).as_posix(), name)
        for path, tree in modules(*ROOMS)
        if not path.is_relative_to(FAMILIES)
        for expression in branches(tree)
        for name in mentions(expression) & names
    }
    assert asked == set()


def test_a_name_of_a_file_means_one_thing():
    found: dict[str, list[str]] = defaultdict(list)
    for path, _ in shared(*ROOMS):
        if not path.stem.startswith("__"):
            found[path.stem].append(path.relative_to(PACK).as_posix())
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_a_name_of_a_class_means_one_thing():
    found: dict[str, list[str]] = defaultdict(list)
    for path, tree in shared(*ROOMS):
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path.relative_to(PACK).as_posix())
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_functions_and_files_stay_short():
    long: list[str] = []
    for path, tree in modules(*ROOMS, "benchmarks"):
        name = path.relative_to(PACK).as_posix()
        if len(path.read_text().splitlines()) > LONGEST_FILE:
            long.append(name)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{name}: {node.name} ({lines} lines)")
    assert long == []
