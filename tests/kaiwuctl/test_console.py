"""A plan is shown in colours on a terminal, and plainly elsewhere."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.console import fail
from kaiwuctl.errors import KaiwuctlError

from .commands.in_process import kaiwuctl

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


# Characters that a terminal acts on or does not show. The joiners, which emoji and some scripts need, are left.
INVISIBLE = st.characters(categories=["Cc", "Cf", "Zl", "Zp"]).filter(lambda each: ord(each) < 0x10000)


@given(st.text(st.one_of(INVISIBLE, st.characters(exclude_categories=["Cs"])), max_size=40), st.integers(1, 4000))
def test_an_error_is_one_bounded_line_of_visible_characters(text: str, times: int) -> None:
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        fail(KaiwuctlError(f"--kind: {text * times}: write --kind KaiwuCluster"))
    line = stream.getvalue()
    assert line.startswith("error: --kind: ")
    assert line.endswith(": write --kind KaiwuCluster\n")
    assert line.count("\n") == 1
    assert len(line) < 2100
    hidden = {each for each in line[:-1] if unicodedata.category(each) in {"Cc", "Zl", "Zp"} or each in SPACELESS}
    assert not hidden


SPACELESS = "\u00ad\u061c\u200b\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff"


@pytest.mark.parametrize("value", ["a" * 100_000, "a b " * 30_000, "v1\u200b", "\x1b[31m", "a\nb"])
@pytest.mark.parametrize(
    "words",
    [
        ("create", "webhook", "--defaulting={}"),
        ("create", "webhook", "{}"),
        ("{}",),
        ("create", "{}"),
        ("init", "--{}"),
        ("import", "crd", "{}"),
        ("init", "--license-file", "{}"),
    ],
)
def test_a_hostile_word_makes_one_line(words: tuple[str, ...], value: str, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        answer = kaiwuctl(*(word.replace("{}", value) for word in words))
    assert answer.status in {1, 2}
    assert answer.errors.startswith("error: ")
    assert answer.errors.count("\n") == 1
    assert len(answer.errors) < 2100
    assert not {"\x1b", "\u200b"} & set(answer.errors)
    assert list(tmp_path.iterdir()) == []
