"""Standard streams that are closed or full, and text that a terminal would act on."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaiwuctl import console
from kaiwuctl.errors import KaiwuctlError

from .commands.command_line import CREATE_ONLY, snapshot

if TYPE_CHECKING:
    from .commands.command_line import CommandLine

ENDS = (" <&-", " >&-", " 2>&-")
CLOSED = ["".join(ends) for number in (1, 2, 3) for ends in itertools.combinations(ENDS, number)]
COMMANDS: dict[str, tuple[tuple[str, ...], int]] = {
    "edit": (("edit",), 0),
    "create-api": (("create", "api", "--group", "web", "--version", "v1", "--kind", "Shop", "--make=false"), 0),
    "create-api-asks": (("create", "api"), 2),
    "create-webhook-asks": (("create", "webhook", "--kind", "Shop"), 2),
    "delete-api-asks": (("delete", "api"), 2),
    "delete-webhook-asks": (("delete", "webhook"), 2),
    "import-crd": (("import", "crd", "-"), 1),
    "import-project": (("import", "project", "nowhere"), 1),
    "wrong": (("edit", "--license", "nope"), 2),
    "help": (("--help",), 0),
}


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("name", COMMANDS)
def test_closed_streams(project: CommandLine, name: str, closed: str) -> None:
    arguments, status = COMMANDS[name]
    before = snapshot(project.folder)
    result = subprocess.run(
        ["sh", "-c", f'exec "$@"{closed}', "sh", *project.argv(*arguments)],
        cwd=project.folder,
        env=project.env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == status, result.stderr
    assert "bug" not in result.stderr
    assert "Traceback" not in result.stderr
    changed = {path for path, entry in snapshot(project.folder).items() if before.get(path) != entry}
    assert bool(changed) == (name == "create-api")
    # What is printed must not go into a file that took the place of the stream.
    assert not any(b"  create " in (project.folder / path).read_bytes() for path in changed if path.endswith(".py"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("words", [CREATE_ONLY, (*CREATE_ONLY, "--dry-run")], ids=["written", "dry-run"])
def test_a_full_output_says_whether_everything_was_written(project: CommandLine, words: tuple[str, ...]) -> None:
    before = snapshot(project.folder)
    result = subprocess.run(
        ["sh", "-c", 'exec "$@" > /dev/full', "sh", *project.argv(*words)],
        cwd=project.folder,
        env=project.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    written = snapshot(project.folder) != before
    assert written == (words == CREATE_ONLY)
    assert result.returncode == 1
    if written:
        error = "error: standard output: No space left on device; everything was written to the project\n"
    else:
        error = "error: No space left on device; correct that and run the command again\n"
    assert result.stderr == error


ACTED_ON = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0x2028, 0x2029)]
ACTED_ON += [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.parametrize("character", ACTED_ON, ids=lambda character: f"{ord(character):04x}")
def test_a_terminal_gets_no_control_character(character: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"a{character}b"
    console.fail(KaiwuctlError(text, details=(text,)))
    console.warn(text)
    assert len(capsys.readouterr().err.split("\n")) == 4
    for print_line in (console.say, console.note, lambda line: console.say_styled(line, "green")):
        print_line(text)
    console.fail(KaiwuctlError(text, details=(text,)))
    output = "".join(capsys.readouterr())
    assert character in "\n\t" or character not in output


@pytest.mark.parametrize("text", ["日本語", "Ärger", "\N{FIRE}", "\N{ZERO WIDTH JOINER}", "a\\b", "{x} [bold]"])
def test_other_text_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.fail(KaiwuctlError(text))
    console.say(text)
    captured = capsys.readouterr()
    assert captured.err == f"error: {text}\n"
    assert captured.out == f"{text}\n"
