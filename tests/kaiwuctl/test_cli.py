"""The outside of the command line: help, errors in one line, exit statuses, completion, what is imported."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.application import load
from kaiwuctl.commands import COMMANDS, GROUPS

from .commands.command_line import CREATE_ONLY, CommandLine

if TYPE_CHECKING:
    from pathlib import Path


HELP = [(), ("create",), ("delete",), ("envtest",), *(row.path for row in COMMANDS)]


@pytest.mark.parametrize("path", HELP, ids=lambda path: "-".join(("kaiwuctl", *path)))
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(empty: CommandLine, path: tuple[str, ...], flag: str) -> None:
    output = empty.ok(*path, flag)
    assert output.startswith(f"Usage: {' '.join(('kaiwuctl', *path))} ")
    assert "-h, --help" in output


@pytest.mark.parametrize("path", [(), ("create",), ("delete",), ("envtest",)], ids=["all", "create", "delete", "local"])
def test_a_group_alone_shows_its_commands(empty: CommandLine, path: tuple[str, ...]) -> None:
    assert empty.ok(*path) == empty.ok(*path, "--help")


def test_help_as_a_command(empty: CommandLine) -> None:
    assert empty.ok("help") == empty.ok("--help")
    assert empty.ok("help", "create", "api") == empty.ok("create", "api", "--help")


def test_a_terminal_that_lacks_characters(empty: CommandLine) -> None:
    ascii_only = type(empty)(empty.folder, {"PYTHONIOENCODING": "ascii"})
    error = ascii_only.refused("init", "--domain", "ünspur.com", status=2)
    assert "error: --domain '\\xfcnspur.com': must be" in error


def test_every_command_is_in_the_help_of_its_group(empty: CommandLine) -> None:
    for row in COMMANDS:
        assert row.summary in empty.ok(*row.path[:-1], "--help")
        assert row.path[:-1] in GROUPS


def test_every_command_can_be_verbose() -> None:
    for row in COMMANDS:
        assert "--verbose" in {flag for parameter in load(row).params for flag in parameter.opts}, row.path


@pytest.mark.parametrize("arguments", [("version",), ("--version",)])
def test_version(empty: CommandLine, arguments: tuple[str, ...]) -> None:
    assert empty.ok(*arguments).startswith("kaiwuctl 0.")


USAGE = [
    (("foo",), "error: unknown command 'foo' for kaiwuctl; `kaiwuctl --help` lists them\n"),
    (("inti",), "error: unknown command 'inti' for kaiwuctl; did you mean `kaiwuctl init`?\n"),
    (
        ("create", "apis"),
        "error: unknown command 'apis' for kaiwuctl create; did you mean `kaiwuctl create api`?\n",
    ),
    (("--foo",), "error: unknown flag --foo for kaiwuctl; `kaiwuctl --help` lists them\n"),
    (("init", "--domian", "x"), "error: unknown flag --domian for kaiwuctl init; did you mean --domain?\n"),
    (("init", "-x"), "error: unknown flag -x for kaiwuctl init; `kaiwuctl init --help` lists them\n"),
    (
        ("init", "here"),
        "error: got unexpected extra argument(s) (here); `kaiwuctl init --help` shows what it takes\n",
    ),
    (("init", "--domain"), "error: --domain: its value is missing; write --domain VALUE or --domain=VALUE\n"),
    (
        ("init", "--multigroup", "true"),
        "error: --multigroup true: a boolean takes its value after an equals sign: ",
    ),
    (("init", "--project-version", "2"), "error: --project-version '2': must be 3; leave it out\n"),
    (("init", "--plugins", "go/v4"), "error: --plugins 'go/v4': kaiwuctl makes Python projects only; "),
    (("init", "--license", "mit"), "error: --license 'mit': must be apache2 or none; "),
    (("init", "--license-file", "nowhere"), "error: --license-file 'nowhere': no such file or directory; "),
    (("init", "--domain", "Foo"), "error: --domain 'Foo': must be lower-case DNS labels"),
    (
        ("completion", "tcsh"),
        "error: completion: shell 'tcsh' is not supported; write `kaiwuctl completion bash`",
    ),
    (("completion",), "error: completion: the shell is missing; "),
    (
        ("envtest", "dwon"),
        "error: unknown command 'dwon' for kaiwuctl envtest; did you mean `kaiwuctl envtest down`?\n",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=["_".join(("kaiwuctl", *row[0])) for row in USAGE])
def test_wrong_use_is_one_line_and_status_2(empty: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    error = empty.refused(*arguments, status=2)
    assert error.startswith(message)
    assert error.count("\n") == 1
    assert list(empty.folder.iterdir()) == []


def test_verbose_shows_the_traceback(empty: CommandLine) -> None:
    result = empty.run("init", "--domain", "Foo", "--verbose")
    assert result.returncode == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: --domain 'Foo'")


def test_a_folder_that_is_gone(empty: CommandLine) -> None:
    script = f"cd {empty.folder} && rmdir {empty.folder} && exec {sys.executable} -m kaiwuctl init"
    result = subprocess.run(["sh", "-c", script], env=empty.env(), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")


def test_a_reader_that_goes_away(empty: CommandLine) -> None:
    script = f"{sys.executable} -m kaiwuctl init --help | true; true"
    result = subprocess.run(["sh", "-c", script], env=empty.env(), capture_output=True, text=True, check=False)
    assert result.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_completion_script(empty: CommandLine, shell: str) -> None:
    assert "_KAIWUCTL_COMPLETE" in empty.ok("completion", shell)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("kaiwuctl ", ["init", "create", "edit", "delete", "import", "envtest", "completion", "version"]),
        ("kaiwuctl cre", ["create"]),
        ("kaiwuctl create ", ["api", "webhook"]),
        ("kaiwuctl delete ", ["api", "webhook"]),
        ("kaiwuctl delete webhook --conv", ["--conversion"]),
        ("kaiwuctl delete api --contr", ["--controller-only", "--controller-name"]),
        ("kaiwuctl delete api --wi", ["--with-webhooks"]),
        ("kaiwuctl envtest d", ["down"]),
        ("kaiwuctl create api --res", ["--resource"]),
        ("kaiwuctl edit --multi", ["--multigroup"]),
        ("kaiwuctl init --dom", ["--domain"]),
    ],
)
def test_bash_completes(empty: CommandLine, words: str, expected: list[str]) -> None:
    """The script is sourced by a real bash, which then asks for completions as it does for the Tab key."""
    bin_folder = empty.folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "kaiwuctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m kaiwuctl "$@"\n')
    (bin_folder / "kaiwuctl").chmod(0o755)
    position = len(words.split(" ")) - 1
    script = (
        f'PATH={bin_folder}:$PATH; source <(kaiwuctl completion bash); COMP_WORDS=({words} "");'
        f'COMP_CWORD={position}; _kaiwuctl_completion kaiwuctl; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    result = subprocess.run(["bash", "-c", script], env=empty.env(), capture_output=True, text=True, check=True)
    assert result.stdout.split() == expected


ONLY_FOR_WRITING = {"copier", "rich", "jinja2", "ruamel.yaml", "pydantic", "kaiwu_runtime", "lightkube"}


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (("--help",), {"copier", "rich", "jinja2", "ruamel.yaml", "pydantic", "kaiwu_runtime", "lightkube"}),
        (("completion", "bash"), {"copier", "rich", "jinja2", "ruamel.yaml", "kaiwu_runtime", "lightkube"}),
        (("init", "--help"), {"copier", "rich", "jinja2", "kaiwu_runtime", "lightkube"}),
        (("create", "api", "--help"), {"copier", "rich", "jinja2", "kaiwu_runtime", "lightkube"}),
        (
            ("envtest", "up", "--help"),
            # lightkube itself is a module that is loaded at its first use: kaiwu_runtime/_lightkube.py
            {"copier", "rich", "jinja2", "lightkube.core", "pydantic", "aiohttp", "kaiwu_runtime.envtest._commands"},
        ),
        (("init", "--domain", "Inspur", "--repo", "example.com/a"), ONLY_FOR_WRITING),
        (("init", "--unknown"), ONLY_FOR_WRITING),
        ((*CREATE_ONLY[:-2], "kaiwu-cluster"), ONLY_FOR_WRITING),
        ((*CREATE_ONLY, "--controller-name", "Not_A_Name"), ONLY_FOR_WRITING),
        ((*CREATE_ONLY, "--make=perhaps"), ONLY_FOR_WRITING),
        (CREATE_ONLY, {"copier", "plumbum", "pydantic", "rich", "aiohttp", "lightkube.core"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_slow_to_import_is_not_imported(
    project: CommandLine, arguments: tuple[str, ...], absent: set[str]
) -> None:
    call = f"main({list(arguments)!r})"
    code = f"import sys; from kaiwuctl.cli import main; {call}; print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True)
    assert absent.isdisjoint(result.stderr.split())


def test_the_reference_in_docs_is_up_to_date(repository: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(repository / "docs" / "generate_cli.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
