"""What counts as a project's own file, and what its imports name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kaiwuctl.scaffold.importers import importers
from kaiwuctl.scaffold.python_files import absolute_module, module_of, project_files, python_files

if TYPE_CHECKING:
    from pathlib import Path


def test_only_own_files(tmp_path: Path) -> None:
    own = ["a.py", "api/b.py", "docs/c.md", "vendored/d.py"]
    others = [".venv/e.py", "build/f.py", "x/__pycache__/g.py", "my-env/lib/h.py", "vendor/i.py"]
    others += ["ui/node_modules/j.py", "site-packages/k.py", "wheels/l.py"]
    for path in (*own, *others, "my-env/pyvenv.cfg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "link.py").symlink_to(tmp_path / "a.py")
    (tmp_path / "folder").symlink_to(tmp_path / "api")
    assert list(project_files(tmp_path)) == sorted(own, key=lambda path: path.split("/"))
    assert list(python_files(tmp_path)) == ["a.py", "api/b.py", "vendored/d.py"]


NAMES = ["build", "dist", "env", "node_modules", "site-packages", "vendor", "venv", "wheels"]


@pytest.mark.parametrize("name", NAMES)
def test_a_group_may_have_the_name_of_build_output(tmp_path: Path, name: str) -> None:
    own = [f"api/{name}/__init__.py", f"api/{name}/v1/rack_types.py"]
    own += [f"controllers/{name}/__init__.py", f"controllers/{name}/rack_controller.py"]
    for path in own:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    assert list(python_files(tmp_path)) == own


@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_a_source_at_the_top_too(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "part.py").write_text("import api.v1.x\n")
    assert importers(tmp_path, {"api.v1.x"}) == [f"{name}/part.py line 1 imports api.v1.x"]


@pytest.mark.parametrize(
    ("path", "level", "module", "expected"),
    [
        ("main.py", 0, "api.v1", "api.v1"),
        ("main.py", 1, "api", ""),
        ("api/v1/x.py", 1, "", "api.v1"),
        ("api/v1/x.py", 1, "y", "api.v1.y"),
        ("api/v1/__init__.py", 1, "y", "api.v1.y"),
        ("api/v1/x.py", 2, "v2.y", "api.v2.y"),
        ("api/v1/x.py", 3, "y", "y"),
        ("api/v1/x.py", 4, "y", ""),
    ],
)
def test_absolute_module(path: str, level: int, module: str, expected: str) -> None:
    assert absolute_module(path, level, module) == expected


def test_module_of() -> None:
    assert [module_of(path) for path in ("main.py", "api/__init__.py", "api/v1/x.py")] == ["main", "api", "api.v1.x"]


@pytest.mark.parametrize("source", ["import api.v1.x ; x = (", "\0", "x = '\ud800'", "(" * 1000])
def test_what_is_not_python_imports_nothing(tmp_path: Path, source: str) -> None:
    (tmp_path / "a.py").write_bytes(source.encode("utf-8", "surrogatepass"))
    assert importers(tmp_path, {"api.v1.x"}) == []
