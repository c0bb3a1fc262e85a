"""A plan is shown in colours on a terminal, and plainly elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = """\
from pathlib import Path
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.render import RenderedFile
from kaiwuctl.scaffold.report import show_plan
plan = Plan(Path.cwd(), force=True)
for name in ("[bold]new[/bold]", "old", "same"):
    plan.add(RenderedFile(name, b"a\\n"), recorded=False)
show_plan(plan, diffs=True, kept=True)
"""
PLAIN = [
    "  create    [bold]new[/bold]",
    "  overwrite old",
    "    --- a/old",
    "    +++ b/old",
    "    @@ -1 +1 @@",
    "    -b",
    "    +a",
    "  keep      same",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old").write_text("b\n")
    (tmp_path / "same").write_text("a\n")
    return tmp_path


def on_a_terminal(folder: Path, environment: dict[str, str]) -> str:
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW], cwd=folder, env={**os.environ, **environment}, stdout=secondary
    )
    os.close(secondary)
    output = b""
    while True:
        try:
            chunk = os.read(primary, 4096)
        except OSError:
            break
        output += chunk
    os.close(primary)
    assert process.wait() == 0
    return output.decode().replace("\r\n", "\n")


def test_plain(folder: Path) -> None:
    result = subprocess.run([sys.executable, "-c", SHOW], cwd=folder, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == PLAIN


def test_colours(folder: Path) -> None:
    output = on_a_terminal(folder, {"TERM": "xterm-256color", "COLUMNS": "20"})
    assert "\x1b[32m  create    [bold]new[/bold]\x1b[0m\n" in output
    assert "\x1b[31m  overwrite old\x1b[0m\n" in output


def test_no_colours(folder: Path) -> None:
    output = on_a_terminal(folder, {"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert output.splitlines() == PLAIN
