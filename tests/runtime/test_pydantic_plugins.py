"""pydantic finds its plugins as before, and importlib.metadata runs only where there are some."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kaiwu_runtime import _pydantic_plugins

PLUGIN = """
class Plugin:
    def new_schema_validator(self, schema, schema_type, *others):
        print("saw", getattr(schema_type, "__name__", schema_type))
        return None, None, None

plugin = Plugin()
"""
DEFINE = """
import sys
from kaiwu_runtime.api import APIModel

class Spec(APIModel):
    size: int

print("metadata", "importlib.metadata._text" in sys.modules)
import importlib.metadata
print(importlib.metadata.version("pydantic") and importlib.metadata.PackageNotFoundError.__name__)
"""


def run(folder: Path, code: str) -> list[str]:
    """Run code with a folder on the module path and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def distribution(folder: Path, entry_points: str | None, name: str = "thing-1.0.dist-info") -> None:
    """Install something with entry points."""
    (folder / name).mkdir()
    (folder / name / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n", encoding="utf-8")
    if entry_points is not None:
        (folder / name / "entry_points.txt").write_text(entry_points, encoding="utf-8")


def test_without_plugins_the_metadata_is_not_looked_at_and_can_be_imported_later(tmp_path: Path) -> None:
    assert run(tmp_path, DEFINE) == ["metadata False", "PackageNotFoundError"]


def test_a_plugin_is_found(tmp_path: Path) -> None:
    (tmp_path / "thing.py").write_text(PLUGIN, encoding="utf-8")
    distribution(tmp_path, "[console_scripts]\nx = y:z\n\n[pydantic]\nthing = thing:plugin\n")
    printed = run(tmp_path, DEFINE)
    assert "saw Spec" in printed
    assert printed[-2:] == ["metadata True", "PackageNotFoundError"]


def test_another_library_never_sees_anything_but_the_real_module(tmp_path: Path) -> None:
    """A thread asks while the package is imported; every function that it may call is there and works."""
    code = """
import sys, threading, time
found = []

def other():
    while "importlib.metadata" not in sys.modules:
        time.sleep(0)
    from importlib.metadata import entry_points, version
    import importlib.metadata as metadata
    found.append((version("pydantic") == metadata.version("pydantic"), len(entry_points(group="pytest11")) > 0))
    found.append(type(entry_points(group="pydantic")).__name__)
    found.append(metadata.entry_points.__module__)

threads = [threading.Thread(target=other) for _ in range(4)]
for thread in threads: thread.start()
import kaiwu_runtime.api
for thread in threads: thread.join()
print(set(found))
"""
    (printed,) = run(tmp_path, code)
    assert printed.count("EntryPoints") == 1
    assert "(True, True)" in printed
    assert printed.count("importlib.metadata") == 1


def test_a_name_that_was_imported_before_anything_ran_works(tmp_path: Path) -> None:
    code = """
import kaiwu_runtime.api
from importlib.metadata import entry_points
names = entry_points(group="pytest11").names
import importlib.metadata
print(names == importlib.metadata.entry_points(group="pytest11").names, len(names) > 0)
"""
    assert run(tmp_path, code) == ["True True"]


def test_metadata_that_is_imported_already_stays(tmp_path: Path) -> None:
    code = (
        "import importlib.metadata as m, sys; import kaiwu_runtime.api; print(sys.modules['importlib.metadata'] is m)"
    )
    assert run(tmp_path, code) == ["True"]


@pytest.mark.parametrize(
    ("entry_points", "name", "expected"),
    [
        (None, "thing-1.0.dist-info", False),
        ("[console_scripts]\npydantic = pydantic:x\n", "thing-1.0.dist-info", False),
        ("[pydantic]\nthing = thing:plugin\n", "thing-1.0.dist-info", True),
        ("[a]\nb = c\n [ pydantic ] \nthing = thing:plugin\n", "thing-1.0.dist-info", True),
        ("[pydantic]\nthing = thing:plugin\n", "thing.egg-info", True),
        ("[pydantic]\nthing = thing:plugin\n", "thing", False),
    ],
)
def test_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry_points: str | None, name: str, *, expected: bool
) -> None:
    distribution(tmp_path, entry_points, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "absent")])
    monkeypatch.setattr(sys, "meta_path", [])
    assert _pydantic_plugins.may_have_plugins() is expected


def test_what_cannot_be_looked_at_may_have_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "packages.zip"
    archive.write_bytes(b"PK")
    monkeypatch.setattr(sys, "path", [str(archive)])
    monkeypatch.setattr(sys, "meta_path", [])
    assert _pydantic_plugins.may_have_plugins()


def test_another_finder_of_distributions_may_have_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_distributions(self) -> None: ...

    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [Finder()])
    assert _pydantic_plugins.may_have_plugins()
