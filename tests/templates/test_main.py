"""The generated main.py as a process, before its manager runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .cases import CASES
from .generation import environment, generate

INTERRUPTED = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"


@pytest.mark.parametrize("place", ["controllers/__init__.py", "controllers/late_controller.py"])
def test_ctrl_c_during_the_imports_shows_no_traceback(tmp_path: Path, place: str) -> None:
    case = next(case for case in CASES if case.name == "no-api")
    project, _ = generate(case, tmp_path)
    (project / place).write_text(INTERRUPTED, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "main.py"], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    assert ended.returncode == -signal.SIGINT


def test_an_ignored_ctrl_c_stays_ignored(tmp_path: Path) -> None:
    """As in a background job of a shell script, which the terminal's Ctrl-C is not meant for."""
    case = next(case for case in CASES if case.name == "no-api")
    project, _ = generate(case, tmp_path)
    shown = "import signal, sys\nprint(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)\nsys.exit()\n"
    (project / "controllers" / "__init__.py").write_text(shown, encoding="utf-8")
    script = f"trap '' INT; {sys.executable} main.py"
    ended = subprocess.run(
        ["sh", "-c", script], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_importing_main_leaves_ctrl_c_to_the_importer(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "no-api")
    project, _ = generate(case, tmp_path)
    code = "import signal, main; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == "True", found.stderr
