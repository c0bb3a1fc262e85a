"""`kaiwuctl edit` in a project whose webhooks are of kinds without a controller: their modules stay importable."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .command_line import snapshot
from .in_process import built, check_imports, inside, run_generator
from .in_process import done as run
from .test_edit_round_trip import MULTI, SINGLE, without_record

if TYPE_CHECKING:
    from pathlib import Path

OWN = ("--group", "web", "--version", "v1", "--kind", "Shop")
POD = ("--group", "core", "--version", "v1", "--kind", "Pod")
EXTERNAL = ("--group", "cert-manager", "--domain", "io", "--version", "v1", "--kind", "Certificate")
INIT = ("init", "--domain", "example.com", "--project-name", "shop-operator")
_FIND = (
    "import sys; sys.path.insert(0, '.')\n"
    "import controllers\n"
    "from kaiwu_runtime.manager._discovery import find\n"
    "print(*sorted(kind.__name__ for kind in find(controllers)))\n"
)

PROJECTS: dict[str, list[tuple[str, ...]]] = {
    "own": [("create", "api", *OWN, "--controller=false"), ("create", "webhook", *OWN, "--validation")],
    "core": [("create", "webhook", *POD, "--validation")],
    "external": [
        ("create", "api", *EXTERNAL, "--untyped", "--resource=false", "--controller-name", "issuing"),
        ("create", "webhook", *EXTERNAL[:2], *EXTERNAL[4:], "--validation"),
        ("delete", "api", *EXTERNAL[:2], *EXTERNAL[4:], "--controller-only"),
    ],
    "both": [
        ("create", "api", *OWN, "--controller=false"),
        ("create", "webhook", *OWN, "--defaulting", "--validation"),
        ("create", "webhook", *POD, "--validation"),
    ],
    "with a controller": [("create", "api", *OWN), ("create", "webhook", *OWN, "--validation")],
    "without its controller by now": [
        ("create", "api", *OWN),
        ("create", "webhook", *OWN, "--validation"),
        ("delete", "api", *OWN, "--controller-only"),
    ],
}


def made(folder: Path, commands: list[tuple[str, ...]], *flags: str) -> None:
    folder.mkdir()
    with inside(folder):
        run(*INIT, *flags)
        for command in commands:
            run(*command, "--make=false")


def packages(folder: Path) -> set[str]:
    return {path.parent.relative_to(folder).as_posix() for path in folder.rglob("__init__.py")}


def found(folder: Path) -> str:
    """Return the reconcilers and webhooks that the operator finds when it starts; the generator must find them, too."""
    check_imports(folder)
    run_generator(folder)
    done = subprocess.run([sys.executable, "-B", "-c", _FIND], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("multigroup", [False, True], ids=["to-multigroup", "to-one-group"])
@pytest.mark.parametrize("name", PROJECTS)
def test_there_and_back(tmp_path: Path, name: str, multigroup: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    folder, other = tmp_path / "project", tmp_path / "other"
    made(folder, PROJECTS[name], *(["--multigroup"] if multigroup else []))
    made(other, PROJECTS[name], *([] if multigroup else ["--multigroup"]))
    before = snapshot(folder)
    with inside(folder):
        objects = built(folder)
        run(*(SINGLE if multigroup else MULTI))
        assert built(folder) == objects
    # The packages that the project would have had it been started so.
    assert packages(folder) == packages(other)
    with inside(folder):
        run(*(MULTI if multigroup else SINGLE))
    assert without_record(snapshot(folder)) == without_record(before)
    with inside(folder):
        run(*(SINGLE if multigroup else MULTI))
    assert found(folder) == found(other)
