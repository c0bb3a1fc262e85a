"""What is public: the names in `__all__` of the runtime's packages, each documented and annotated; see VERSIONING.md.

After a deliberate change: ``python tests/test_public_names.py > tests/public_names.txt``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import kaiwu_runtime

LIST = Path(__file__).with_name("public_names.txt")


def packages() -> list[ModuleType]:
    """Return the packages of the runtime, and the module of its errors."""
    found = pkgutil.walk_packages(kaiwu_runtime.__path__, "kaiwu_runtime.")
    names = [
        info.name for info in found if (info.ispkg and "._" not in info.name) or info.name == "kaiwu_runtime.errors"
    ]
    return [kaiwu_runtime, *map(importlib.import_module, names)]


ENTRY_POINTS = {"kaiwu_runtime.slim", "kaiwu_runtime.envtest.pytest_plugin"}
"""Modules that are run by their name: ``python -m kaiwu_runtime.slim``, the plugin of pytest."""


def test_every_module_but_the_faces_and_entry_points_is_private() -> None:
    found = pkgutil.walk_packages(kaiwu_runtime.__path__, "kaiwu_runtime.")
    public = {info.name for info in found if not info.name.rpartition(".")[2].startswith("_")}
    faces = {package.__name__ for package in packages()}
    assert public - faces == ENTRY_POINTS


def public_names() -> list[str]:
    return sorted(f"{package.__name__}.{name}" for package in packages() for name in package.__all__)


def resolve(name: str) -> object:
    package, _, last = name.rpartition(".")
    return getattr(importlib.import_module(package), last)


def test_the_public_names_are_the_committed_ones() -> None:
    listed, found = set(LIST.read_text().splitlines()), set(public_names())
    assert not listed - found, f"public names are gone (VERSIONING.md, Deprecation): {sorted(listed - found)}"
    assert not found - listed, f"new public names: add them to {LIST.name}: {sorted(found - listed)}"


@pytest.mark.parametrize("package", [pytest.param(package, id=package.__name__) for package in packages()])
def test_all_is_sorted_and_without_repetition(package: ModuleType) -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(not name.startswith("_") for name in package.__all__)


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_is_documented_and_annotated(name: str) -> None:
    value = resolve(name)
    if isinstance(value, type):
        text = value.__doc__ or ""
        assert text
        assert not text.startswith(f"{value.__name__}("), "the docstring is the one that dataclasses write"
        for member, function in methods(value):
            check(function, f"{name}.{member}", needs_text=not member.startswith("_"))
    elif callable(value) and isinstance(function := inspect.unwrap(value), FunctionType):
        check(function, name, needs_text=True)
    else:
        assert is_described(name), "an alias or a constant has a string below its definition"


def methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the constructor and the public methods that a class defines itself."""
    for member, value in vars(cls).items():
        if member != "__init__" and member.startswith("_"):
            continue
        function = inspect.unwrap(
            value.fget if isinstance(value, property) and value.fget else getattr(value, "__func__", value)
        )
        if isinstance(function, FunctionType) and function.__module__.startswith("kaiwu_runtime"):
            yield member, function


def check(function: FunctionType, name: str, *, needs_text: bool) -> None:
    if function.__code__.co_filename == "<string>":
        return  # the constructor that dataclasses writes, from annotated fields
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name in {"self", "cls"}:
        parameters = parameters[1:]
    bare = [parameter.name for parameter in parameters if parameter.annotation is inspect.Parameter.empty]
    assert not bare, f"{name}: no annotation for {', '.join(bare)}"
    assert "return" in function.__annotations__, f"{name}: no annotation of what it returns"
    assert function.__doc__ or not needs_text or typing.get_overloads(function), f"{name} has no docstring"


def is_described(name: str) -> bool:
    """Whether the package or a module of it assigns the name and puts a string below."""
    package, _, last = name.rpartition(".")
    folder = Path(str(importlib.import_module(package).__file__)).parent
    for file in sorted(folder.rglob("*.py")):
        body = ast.parse(file.read_text()).body
        for node, following in zip(body, [*body[1:], None], strict=True):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == last for target in targets):
                return isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    return False


if __name__ == "__main__":
    sys.stdout.write("\n".join([*public_names(), ""]))
