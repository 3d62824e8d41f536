"""The host's border is typed: a `Host` of two bodies, and no `Any` but where reasons are given."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from pathlib import Path

from comfyui_anisora.nodes.host import host, standalone
from comfyui_anisora.nodes.host.protocol import Host

HOST = Path(__file__).parents[2] / "nodes" / "host"
#: "file: name of the function, class or variable" -> (number of `Any`, reason). JSON would be one.
MAY_BE_ANY: dict[str, tuple[int, str]] = {}


def untyped(path: Path) -> Counter[str]:
    """How often each function, class or variable of a file says `Any`, in annotations, casts and types' names alike."""
    found: Counter[str] = Counter()

    def look(node: ast.AST, inside: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = node.name
        is_any = isinstance(node, ast.Name) and node.id == "Any"
        is_any = is_any or (isinstance(node, ast.Attribute) and node.attr == "Any")
        if is_any:
            found[f"{path.relative_to(HOST).as_posix()}: {inside}"] += 1
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("Any"):
            found[f"{path.relative_to(HOST).as_posix()}: {inside}"] += 1
        for child in ast.iter_child_nodes(node):
            look(child, inside)

    look(ast.parse(path.read_text()), "")
    return found


def unannotated(path: Path) -> list[str]:
    """Functions with a parameter or result that has no type, which would be as untyped as `Any`."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            rest = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
            bare = [
                one.arg
                for one in (*named, *rest)
                if one.annotation is None and one.arg not in ("self", "cls")
            ]
            if bare or node.returns is None:
                found.append(f"{path.relative_to(HOST).as_posix()}: {node.name}")
    return found


def test_any_is_only_where_a_reason_is_given():
    found: Counter[str] = Counter()
    for path in HOST.rglob("*.py"):
        found += untyped(path)
    assert dict(found) == {name: count for name, (count, _) in MAY_BE_ANY.items()}


def test_everything_is_annotated():
    assert [name for path in HOST.rglob("*.py") for name in unannotated(path)] == []


def test_any_is_found_wherever_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "HOST", tmp_path)
    path = tmp_path / "one.py"
    path.write_text(
        "import typing\nx: Any = 1\ndef f(a: dict[str, typing.Any], *b: 'Any') -> Any: ...\ndef g(a): ...\n"
    )
    assert untyped(path) == {"one.py: ": 1, "one.py: f": 3}
    assert unannotated(path) == ["one.py: g"]


def members() -> dict[str, list[str]]:
    """Those of `Host`, with the names of their parameters."""
    return {
        name: [parameter for parameter in inspect.signature(member).parameters if parameter != "self"]
        for name, member in vars(Host).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


def test_without_comfyui_the_host_is_the_standalone_one():
    assert host is standalone


def test_both_bodies_have_what_the_protocol_says():
    """Pyright compares types too, where `chosen_host` returns the bodies; this is for those who run no type checker."""
    assert len(members()) > 10
    for body in ("comfyui", "standalone"):
        tree = ast.parse((HOST / body / "__init__.py").read_text())
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        taken = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        for name, parameters in members().items():
            assert name in functions or name in taken, f"{body} lacks {name}"
            if name in functions:
                assert [one.arg for one in functions[name].args.args] == parameters, f"{body}: {name}"


def test_networks_are_not_imported_with_the_bodies():
    """At the top of a body, only light modules: ComfyUI starts as fast as without us."""
    light = {"folders", "objects", "preview", "terminal"}
    for body in ("comfyui", "standalone"):
        tree = ast.parse((HOST / body / "__init__.py").read_text())
        own = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.level == 1}
        assert own <= light, body
