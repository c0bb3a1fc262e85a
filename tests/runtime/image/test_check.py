"""What the check of an image says, compared with what Python says in a folder that holds what the build sees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.image._check import check
from kaiwu_runtime.image._cli import main
from kaiwu_runtime.image._dockerignore import DockerIgnore
from kaiwu_runtime.image._requirements import required

REPOSITORY = Path(__file__).resolve().parents[3]
MAIN = "import controllers\n"
IMPORT = (
    "import main, pkgutil, importlib, controllers\n"
    "for info in pkgutil.walk_packages(controllers.__path__, 'controllers.'):\n"
    "    importlib.import_module(info.name)\n"
)


class Case(NamedTuple):
    """Files of a project's own, how a controller imports one, and which file that is."""

    name: str
    statement: str
    files: dict[str, str]
    needed: str


CASES = (
    Case("package", "import clock", {"clock/__init__.py": ""}, "clock/__init__.py"),
    Case("module", "import clock", {"clock.py": ""}, "clock.py"),
    Case("from-package", "from clock import TICK", {"clock/__init__.py": "TICK = 1"}, "clock/__init__.py"),
    Case(
        "submodule",
        "from clock.hands import TICK",
        {"clock/__init__.py": "", "clock/hands.py": "TICK=1"},
        "clock/hands.py",
    ),
    Case(
        "submodule-by-name",
        "from clock import hands",
        {"clock/__init__.py": "", "clock/hands.py": ""},
        "clock/hands.py",
    ),
    Case("no-init", "import clock.hands", {"clock/hands.py": ""}, "clock/hands.py"),
    Case("no-init-deep", "from a.b.c import d", {"a/b/c/d.py": ""}, "a/b/c/d.py"),
    Case("second-step", "import clock", {"clock.py": "import gears", "gears.py": ""}, "gears.py"),
    Case("relative", "from . import shared", {"controllers/shared.py": ""}, "controllers/shared.py"),
    Case(
        "relative-up",
        "from .sub import part",
        {
            "controllers/sub/__init__.py": "",
            "controllers/sub/part.py": "from ..shared import X",
            "controllers/shared.py": "X=1",
        },
        "controllers/shared.py",
    ),
    Case("in-a-function", "def f():\n    import clock\nf()", {"clock.py": ""}, "clock.py"),
    Case("in-a-class", "class A:\n    from clock import TICK", {"clock.py": "TICK = 1"}, "clock.py"),
    Case(
        "suppress-of-others",
        "from contextlib import suppress\nwith suppress(OSError):\n    import clock",
        {"clock.py": ""},
        "clock.py",
    ),
    Case("with", "with open(__file__):\n    import clock", {"clock.py": ""}, "clock.py"),
    Case(
        "else-of-type-checking",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import none\nelse:\n    import clock",
        {"clock.py": ""},
        "clock.py",
    ),
    Case("shadows-the-standard-library", "from calendar import MINE", {"calendar.py": "MINE = 1"}, "calendar.py"),
    Case("unicode", "import uhr\u00e4", {"uhr\u00e4.py": ""}, "uhr\u00e4.py"),
)


def project(folder: Path, statement: str, files: dict[str, str], ignore: str = "") -> Path:
    content = {
        "main.py": MAIN,
        "controllers/__init__.py": "",
        "controllers/site_controller.py": f"{statement}\n",
        "requirements.txt": "aiohttp  # a dependency\nkaiwu-runtime\n",
        ".dockerignore": (REPOSITORY / "templates/init/.dockerignore").read_text(encoding="utf-8") + ignore,
        **files,
    }
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def runs(folder: Path, context: Path) -> bool:
    """Copy what a build sees, and tell whether Python finds everything there."""
    ignore = DockerIgnore((folder / ".dockerignore").read_text(encoding="utf-8"))
    for file in (file for file in folder.rglob("*") if file.is_file()):
        name = file.relative_to(folder).as_posix()
        if ignore.ignored_by(name) is None:
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, context / name)
    command = [sys.executable, "-B", "-c", IMPORT]
    return subprocess.run(command, cwd=context, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("ignored", [False, True], ids=["sent", "ignored"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_check_agrees_with_python(tmp_path: Path, case: Case, ignored: bool) -> None:
    folder = project(tmp_path / "project", case.statement, case.files, f"{case.needed}\n" if ignored else "")
    problems = check(folder)
    assert runs(folder, tmp_path / "context") == (not problems) == (not ignored)
    if ignored:
        (problem,) = problems
        line = len((folder / ".dockerignore").read_text(encoding="utf-8").splitlines())
        assert problem.startswith(f"{case.needed} is not in the image: it is imported by ")
        assert f".dockerignore:{line} leaves it out by {case.needed!r}" in problem
        with (folder / ".dockerignore").open("a", encoding="utf-8") as file:
            file.write(f"!{case.needed}\n")  # the cure that the message names
        assert check(folder) == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "import nowhere_at_all",
            "imports nowhere_at_all, which is not installed; add its package to requirements.txt",
        ),
        ("import hypothesis", "imports hypothesis of the package hypothesis, which is not in requirements.txt"),
        ("from kaiwu_runtime.testing import FakeTransport", "imports kaiwu_runtime.testing, which is for development"),
        ("from kaiwu_runtime import envtest", "imports kaiwu_runtime.envtest, which is for development"),
        ("import kaiwu_runtime.generator.x as y", "imports kaiwu_runtime.generator, which is for development"),
        ("from clock import hands.more", "cannot be compiled"),
        ("import clock.lost", "imports clock.lost, and there is no module 'lost' in clock"),
        ("from .lost import a", "imports controllers.lost, and there is no module 'lost' in controllers"),
    ],
)
def test_what_is_missing_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str, problem: str
) -> None:
    folder = project(tmp_path, statement, {"clock/__init__.py": ""})
    assert main([str(folder)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: controllers/site_controller.py:1 ")
    assert problem in line


@pytest.mark.parametrize(
    "statement",
    [
        "try:\n    import uvloop_of_mine\nexcept ImportError:\n    uvloop_of_mine = None",
        "try:\n    import a_of_mine\nexcept (ValueError, ModuleNotFoundError):\n    import json",
        "try:\n    import a_of_mine\nexcept* ImportError:\n    pass",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import a_of_mine",
        (
            "from contextlib import suppress\n"
            "with open(''), suppress(KeyError, ModuleNotFoundError):\n"
            "    import a_of_mine"
        ),
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere_at_all",
        "import typing\nif typing.TYPE_CHECKING:\n    from hypothesis import given",
        "import aiohttp, json, sys, os.path",
        "from kaiwu_runtime import Manager, testing_of_mine\nimport kaiwu_runtime.testingground",
        "import multidict  # aiohttp requires it",
        "from aiohttp import web",
    ],
)
def test_what_need_not_be_there_is_no_problem(tmp_path: Path, statement: str) -> None:
    assert check(project(tmp_path, statement, {})) == []


def test_a_controller_that_would_be_missed_in_silence(tmp_path: Path) -> None:
    folder = project(tmp_path, "", {}, "controllers/*_controller.py\n")
    (problem,) = check(folder)
    assert "controllers/site_controller.py is not in the image: it is found by its name" in problem


def test_requirements_are_followed(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("aiohttp[speedups] \\\n  --hash=sha256:00\n-r requirements.txt\n")
    text = (
        "# none\n-r more.txt\n--index-url https://example.com/simple\n./vendor/prometheus_client-0.1-py3-none-any.whl\n"
    )
    (tmp_path / "requirements.txt").write_text(text)
    assert {"aiohttp", "multidict", "prometheus-client"} <= required(tmp_path / "requirements.txt")
    assert "pytest" not in required(tmp_path / "requirements.txt")


@pytest.mark.parametrize("name", ["main.py", "requirements.txt"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    folder = project(tmp_path, "", {})
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=name):
        check(folder)
    assert main([str(folder)]) == 1
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("pattern", ["[z-a]", "[\\]", "a[9-0]b"])
def test_a_pattern_that_no_build_takes_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    folder = project(tmp_path, "", {}, f"{pattern}\n")
    line = len((folder / ".dockerignore").read_text(encoding="utf-8").splitlines())
    assert main([str(folder)]) == 1
    (problem,) = capsys.readouterr().err.splitlines()
    assert (
        problem == f"error: {folder}/.dockerignore:{line}: {pattern!r} is not a valid pattern: a build would reject it"
    )
