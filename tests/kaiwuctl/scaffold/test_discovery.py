"""`create api` warns when main.py would not run the new controller."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kaiwuctl.scaffold.discovery import undiscovered

HEAD = "from kaiwu_runtime import Manager\nmanager = Manager()\n"


@pytest.mark.parametrize(
    "files",
    [
        {"main.py": f"{HEAD}import controllers\nmanager.discover(controllers)\n"},
        {"main.py": f"{HEAD}import controllers as c\nmanager.discover(c)\n"},
        {"main.py": f"{HEAD}import api, controllers\nmanager.discover(api, controllers)\n"},
        {"main.py": f"{HEAD}import controllers.backup\nmanager.discover(controllers.backup)\n"},
        {"main.py": f"{HEAD}from controllers import backup\nmanager.discover(backup)\n"},
        {"main.py": f"{HEAD}packages = load()\nmanager.discover(*packages)\n"},
        {"main.py": f"{HEAD}manager.discover(importlib.import_module('controllers'))\n"},
        {"main.py": f"{HEAD}from controllers.a import R\nmanager.setup(R)\n"},
        {"main.py": "import app\napp.run()\n", "app.py": f"{HEAD}import controllers\nmanager.discover(controllers)\n"},
        {
            "main.py": "from app.start import run\nrun()\n",
            "app/__init__.py": "",
            "app/start.py": f"{HEAD}import controllers\nmanager.discover(controllers)\n",
        },
    ],
)
def test_what_is_discovered_is_not_warned_of(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert undiscovered(tmp_path, "controllers.backup") == ""


@pytest.mark.parametrize(
    ("main", "warning"),
    [
        (None, "main.py does not exist"),
        ("", "main.py discovers nothing; add `import controllers` and `manager.discover(controllers)`"),
        (HEAD, "main.py discovers nothing"),
        (f"{HEAD}import controllers\n", "main.py discovers nothing"),
        (f"{HEAD}import controllers\n# manager.discover(controllers)\n", "main.py discovers nothing"),
        (f"{HEAD}import api\nmanager.discover(api)\n", "main.py does not discover controllers.backup; add `import"),
        (
            f"{HEAD}import controllers.other\nmanager.discover(controllers.other)\n",
            "does not discover controllers.backup",
        ),
        ("def main(:", "main.py cannot be read as Python"),
        ("\0", "main.py cannot be read as Python"),
        ("(" * 10_000, "main.py cannot be read as Python"),
    ],
)
def test_what_is_not_discovered_is_one_line(tmp_path: Path, main: str | None, warning: str) -> None:
    if main is not None:
        (tmp_path / "main.py").write_text(main)
    line = undiscovered(tmp_path, "controllers.backup")
    assert warning in line
    assert "\n" not in line


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_a_main_that_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "main.py")
    assert "cannot be read" in undiscovered(tmp_path, "controllers")
