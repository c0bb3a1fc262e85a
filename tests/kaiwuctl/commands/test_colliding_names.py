"""Kinds, groups and controllers that are called like something that Python or the generated modules have.

What the modules have is read from a project with every kind of file, so that it follows the templates.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import keyword
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.names.python import is_reserved_class

from .in_process import check_imports, done, inside, kaiwuctl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_MAKE = "--make=false"
PARTS = 5
IMAGE = ("--image", "example.com/x:1", "--container-port", "80", "--container-command", "a,b", "--run-as-user", "1")
HOOKS = ("--defaulting", "--validation", "--operations", "create,update,delete")


def commands(kind: str) -> Iterator[tuple[str, ...]]:
    """Return commands that write every file there is for a kind."""
    of = ("--kind", kind, NO_MAKE)
    plain, pods, other = (("--group", f"{name}.io", *of) for name in ("plain", "pods", "other"))
    yield ("create", "api", *plain, "--version", "v1")
    yield ("create", "api", *plain, "--version", "v2")
    yield ("create", "webhook", *plain, "--version", "v2", *HOOKS, "--conversion")
    yield ("create", "api", *pods, "--version", "v1", *IMAGE)
    yield ("create", "webhook", *pods, "--version", "v1", *HOOKS)
    yield ("create", "api", *other, "--version", "v1", "--untyped", "--resource=false")
    yield ("create", "webhook", "--group", "other", *of, "--version", "v1", *HOOKS)


def names_of(folder: Path, kind: str) -> set[str]:
    """Return the names in the modules of a kind that could be another kind."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if kind in text else ():
            if isinstance(node, ast.ImportFrom):
                names.update(alias.asname or alias.name for alias in node.names)
            elif isinstance(node, ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return {name for name in names if name.isalnum() and name[0].isupper() and not name.startswith(kind)}


@contextlib.contextmanager
def project(folder: Path) -> Iterator[Path]:
    """Make a project for several groups the working directory."""
    with inside(folder):
        done("init", "--project-name", "x", "--domain", "x.io", "--multigroup")
        yield folder


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in the modules of a kind, and those that a user may take for one."""
    with project(tmp_path_factory.mktemp("names")) as folder:
        for command in commands("Zzz"):
            done(*command)
        found = names_of(folder, "Zzz")
    assert {"Webhook", "Hub", "AdmissionRequest", "Deployment", "Field", "Int32", "SAMPLE"} <= found
    return sorted(found | {"Cause", "Condition", "Spec", "Status", "ZzzReconciler", "Self", "Protocol"})


def check(folder: Path) -> None:
    """Assert that everything in a project can be imported, is linted and has the types that it says."""
    check_imports(folder)
    for words in (("ruff", "check", "--no-cache"), ("ruff", "format", "--check", "--no-cache"), ("mypy",)):
        command = [sys.executable, "-m", *words, "."]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kind_called_like_a_name_of_the_modules(part: int, names: list[str], tmp_path: Path) -> None:
    with project(tmp_path):
        for name in names[part::PARTS]:
            for command in commands(name):
                answer = kaiwuctl(*command)
                if not answer.status:
                    continue
                # The module of its type has the name, and a type cannot have another one.
                assert answer.status == 2, answer
                assert answer.errors.startswith(f"error: --kind '{name}': "), answer
                assert is_reserved_class(name) or (name == "Int32" and "pods.io" in command[3]), answer
        check(tmp_path)


def test_a_hub_called_hub_is_converted(tmp_path: Path) -> None:
    """The hub has the name `Hub` in every module of a conversion."""
    code = """
from api.a_io.v1 import hub_conversion, hub_types as v1
from api.a_io.v2 import hub_types as v2
assert type(hub_conversion.to_hub(v1.Hub())) is v2.Hub
assert type(hub_conversion.from_hub(v2.Hub())) is v1.Hub
"""
    with project(tmp_path):
        for version in ("v1", "v2"):
            done("create", "api", "--group", "a.io", "--version", version, "--kind", "Hub", NO_MAKE)
        done("create", "webhook", "--group", "a.io", "--version", "v2", "--kind", "Hub", "--conversion", NO_MAKE)
        command = [sys.executable, "-B", "-c", code]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_kind_called_like_a_builtin_of_python(tmp_path: Path) -> None:
    words = {name for name in (*dir(builtins), *keyword.kwlist) if name[:1].isupper()}
    with project(tmp_path):
        for word in sorted(words):
            answer = kaiwuctl("create", "api", "--group", "plain.io", "--version", "v1", "--kind", word, NO_MAKE)
            assert (answer.status, answer.errors.partition(" is a name")[0]) == (2, f"error: --kind '{word}':")


def test_groups_and_controllers_called_like_modules_and_classes(tmp_path: Path) -> None:
    modules = ("typing", "os", "logging", "pytest", "yaml", "hypothesis", "pydantic", "lightkube")
    groups = [*modules, *keyword.kwlist, "kaiwu-runtime", "api", "controllers", "external", "main", "tests"]
    with project(tmp_path):
        for number, group in enumerate(sorted({f"{group.lower()}" for group in groups})):
            of = ("--group", group, "--version", "v1", "--kind", f"K{number}")
            done("create", "api", *of, "--controller-name", f"k{number}-object" if number else "object", NO_MAKE)
        done("create", "api", "--group", "other.io", "--version", "v1", "--kind", "Other", "--untyped", NO_MAKE)
        check(tmp_path)
