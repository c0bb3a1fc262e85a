"""Runs that are interrupted, and runs at the same time: the tree is as before or as after, never in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from .command_line import CREATE, CREATE_ONLY, INIT, CommandLine, Entry, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def start(command_line: CommandLine, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_line.argv(*arguments),
        cwd=command_line.folder,
        env=command_line.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_runs_at_the_same_time(project: CommandLine) -> None:
    """Each of them succeeds or says that the other is at work; together they leave what one leaves."""
    other = ("create", "api", "--group", "kaiwu", "--version", "v1", "--kind", "Otter", "--make=false")
    refused = 0
    for _ in range(4):
        processes = [start(project, *command) for command in (CREATE_ONLY, other, CREATE_ONLY, other)]
        for process in processes:
            _, error = process.communicate(timeout=60)
            assert process.returncode in {0, 1}
            if process.returncode == 1:
                refused += 1
                assert error == (
                    f"error: {project.folder}: another kaiwuctl is at work here; run the command when it is done\n"
                )
    project.ok(*CREATE_ONLY)
    project.ok(*other)
    settled = snapshot(project.folder)
    project.ok(*CREATE_ONLY)
    project.ok(*other)
    assert snapshot(project.folder) == settled
    assert settled["PROJECT"].content is not None
    assert str(settled["PROJECT"].content).count("kind: ") == 2
    assert refused > 0


def test_a_run_waits_for_nobody(project: CommandLine) -> None:
    import fcntl

    descriptor = os.open(project.folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = snapshot(project.folder)
        assert "another kaiwuctl is at work here" in project.refused(*CREATE_ONLY, status=1)
        assert snapshot(project.folder) == before
    finally:
        os.close(descriptor)
    project.ok(*CREATE_ONLY)


def duration(command_line: CommandLine, *arguments: str) -> float:
    begin = time.perf_counter()
    command_line.ok(*arguments)
    return time.perf_counter() - begin


@pytest.fixture
def copies(tmp_path: Path, pristine: Path) -> Callable[[], CommandLine]:
    """Fresh copies of a project without an API, all at the same path."""

    def fresh() -> CommandLine:
        folder = tmp_path / "kaiwu-operator"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pristine, folder, symlinks=True)
        return CommandLine(folder)

    return fresh


MOMENTS = 24


def stopped_runs(
    copies: Callable[[], CommandLine], length: float, number: signal.Signals
) -> Iterator[tuple[int, CommandLine, int, str]]:
    """Send a signal to one run after the other, each at a later moment; give moment, project, status and errors."""
    for moment in range(MOMENTS):
        project = copies()
        process = start(project, *CREATE_ONLY)
        time.sleep(length * moment / MOMENTS)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
        yield moment, project, process.returncode, error


def differences(found: dict[str, Entry], before: dict[str, Entry], after: dict[str, Entry]) -> dict[str, object]:
    """Return what is neither as before nor as after, for the message of a failed test."""
    names = {*found, *before, *after}
    return {
        name: found.get(name)
        for name in names
        if found.get(name) != before.get(name) or (found.get(name) != after.get(name) and name in after)
    }


# A signal in the last lines of the command, where its output is flushed.
SIGNAL_AT_THE_END = """
import io, os, sys
from kaiwuctl.cli import main

class Output(io.TextIOWrapper):
    def flush(self):
        super().flush()
        caller = sys._getframe().f_back
        if caller is not None and caller.f_code.co_name == "_run":
            os.kill(os.getpid(), int(sys.argv[1]))

sys.stdout = Output(sys.stdout.detach())
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_end(copies: Callable[[], CommandLine], number: signal.Signals) -> None:
    project = copies()
    before = snapshot(project.folder)
    ended = subprocess.run(
        [sys.executable, "-c", SIGNAL_AT_THE_END, str(int(number)), *CREATE_ONLY],
        cwd=project.folder,
        env=project.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (128 + number, "error: interrupted after everything was written\n")
    assert snapshot(project.folder) != before


# A signal while files are written, and one more at each line on standard error.
SIGNAL_AT_EACH_LINE = """
import io, os, sys
from kaiwuctl.cli import main

number = int(sys.argv[1])

class Errors(io.TextIOWrapper):
    def write(self, text):
        os.kill(os.getpid(), number)
        return super().write(text)

def hook(event, arguments):
    if event == "os.link":
        os.kill(os.getpid(), number)

sys.stderr = Errors(sys.stderr.detach(), write_through=True)
sys.addaudithook(hook)
del sys.argv[1]
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_while_the_first_is_reported(copies: Callable[[], CommandLine], number: signal.Signals) -> None:
    project = copies()
    before = snapshot(project.folder)
    command = [sys.executable, "-c", SIGNAL_AT_EACH_LINE, str(int(number)), *CREATE_ONLY]
    ended = subprocess.run(command, cwd=project.folder, env=project.env(), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (128 + number, "error: interrupted; nothing was changed\n")
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle(copies: Callable[[], CommandLine], number: signal.Signals) -> None:
    project = copies()
    before = snapshot(project.folder)
    length = duration(project, *CREATE_ONLY)
    after = snapshot(project.folder)
    stopped = 0
    for moment, stopped_project, status, error in stopped_runs(copies, length, number):
        found = snapshot(stopped_project.folder)
        assert found in (before, after), (moment, status, error, differences(found, before, after))
        if status == 0:
            assert found == after
        elif status == 128 + number:
            stopped += 1
            assert error in {
                "error: interrupted; nothing was changed\n",
                "error: interrupted after everything was written\n",
            }
            assert found == (before if "nothing" in error else after)
        else:
            # Before or after kaiwuctl's own lines ran, where Python still has its own handlers.
            assert status in {-number, 1}, error
    assert stopped >= MOMENTS // 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_a_library_drops(copies: Callable[[], CommandLine], number: signal.Signals) -> None:
    """ruamel.yaml has bare `except:` lines; what it makes after one of them may lack a comment."""
    project = copies()
    before = snapshot(project.folder)
    code = (
        "import os, sys\n"
        "from ruamel.yaml.serializer import Serializer\n"
        "from kaiwuctl.cli import main\n"
        "original = Serializer.serialize\n"
        "def interrupted(*arguments):\n"
        "    try:\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    except BaseException:\n"
        "        print('dropped')\n"
        "    return original(*arguments)\n"
        "Serializer.serialize = interrupted\n"
        f"sys.exit(main({list(CREATE_ONLY)!r}))\n"
    )
    command = [project.argv()[0], "-c", code]
    result = subprocess.run(command, cwd=project.folder, env=project.env(), capture_output=True, text=True, check=False)
    assert "dropped" in result.stdout
    assert (result.returncode, result.stderr) == (128 + number, "error: interrupted; nothing was changed\n")
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_python_drops(copies: Callable[[], CommandLine], number: signal.Signals) -> None:
    """In the callback of a weak reference, as of the import system's locks, no exception has a caller."""
    project = copies()
    before = snapshot(project.folder)
    code = (
        "import os, sys, time\n"
        "from ruamel.yaml.serializer import Serializer\n"
        "from kaiwuctl.cli import main\n"
        "class Finalized:\n"
        "    def __del__(self):\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "def interrupted(*arguments):\n"
        "    Finalized()\n"
        "    time.sleep(30)\n"
        "Serializer.serialize = interrupted\n"
        f"sys.exit(main({list(CREATE_ONLY)!r}))\n"
    )
    command = [project.argv()[0], "-c", code]
    result = subprocess.run(command, cwd=project.folder, env=project.env(), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (128 + number, "error: interrupted; nothing was changed\n")
    assert snapshot(project.folder) == before


def test_the_end_of_the_process_in_the_middle(copies: Callable[[], CommandLine]) -> None:
    project = copies()
    length = duration(project, *CREATE_ONLY)
    after = snapshot(project.folder)
    killed = 0
    for moment, killed_project, status, _ in stopped_runs(copies, length, signal.SIGKILL):
        killed += status == -signal.SIGKILL
        result = killed_project.run(*CREATE_ONLY)
        assert result.returncode == 0, moment
        assert result.stderr in {
            "",
            "warning: An earlier run was interrupted; what it had written was undone\n",
        }
        assert snapshot(killed_project.folder) == after, moment
    # Where the machine was busy while the length was measured, later moments come after the end.
    assert killed >= MOMENTS // 4


def leave_interrupted(project: CommandLine, arguments: tuple[str, ...] = CREATE_ONLY) -> None:
    """Let a run die when it has renamed every file and only its list is still there."""
    code = (
        "import os, signal, sys\n"
        "from kaiwuctl.cli import main\n"
        "def hook(event, arguments):\n"
        "    if event == 'os.remove' and str(arguments[0]).endswith('journal.json'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(hook)\n"
        f"sys.exit(main({list(arguments)!r}))\n"
    )
    command = [project.argv()[0], "-c", code]
    result = subprocess.run(command, cwd=project.folder, env=project.env(), capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL


@pytest.mark.parametrize("other", [False, True], ids=["same-flags", "other-flags"])
def test_init_after_a_killed_init(empty: CommandLine, other: bool) -> None:
    """What the killed run recorded counts no more than what it wrote."""
    leave_interrupted(empty, INIT)
    assert (empty.folder / "PROJECT").is_file()
    again = ("init", "--domain", "other.org") if other else INIT
    result = empty.run(*again)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "warning: An earlier run was interrupted; what it had written was undone\n"
    assert ("other.org" in (empty.folder / "PROJECT").read_text()) == other
    before = snapshot(empty.folder)
    empty.ok(*again)
    assert snapshot(empty.folder) == before


def test_create_api_after_a_killed_init(empty: CommandLine) -> None:
    leave_interrupted(empty, INIT)
    result = empty.run(*CREATE_ONLY)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("error: PROJECT: not found in this directory; start a project")
    assert list(empty.folder.iterdir()) == []


def test_the_next_run_undoes_what_a_killed_one_left(project: CommandLine) -> None:
    before = snapshot(project.folder)
    leave_interrupted(project)
    assert snapshot(project.folder) != before
    result = project.run("init")
    assert result.returncode == 0
    assert result.stderr == "warning: An earlier run was interrupted; what it had written was undone\n"
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_next_run_undoes(project: CommandLine, number: signal.Signals) -> None:
    before = snapshot(project.folder)
    leave_interrupted(project)
    code = (
        "import os, sys\n"
        "from kaiwuctl.cli import main\n"
        "seen = []\n"
        "def hook(event, arguments):\n"
        "    if event == 'os.rename' and '.kaiwuctl-undo' in str(arguments[0]) and not seen:\n"
        "        seen.append(event)\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "sys.addaudithook(hook)\n"
        f"sys.exit(main({list(CREATE_ONLY)!r}))\n"
    )
    command = [project.argv()[0], "-c", code]
    result = subprocess.run(command, cwd=project.folder, env=project.env(), capture_output=True, text=True, check=False)
    assert result.returncode == 128 + number
    assert result.stderr == (
        "warning: An earlier run was interrupted; what it had written was undone\n"
        "error: interrupted; nothing was changed\n"
    )
    assert snapshot(project.folder) == before


def test_a_dry_run_does_not_undo_what_a_killed_one_left(project: CommandLine) -> None:
    leave_interrupted(project)
    before = snapshot(project.folder)
    error = project.refused(*CREATE_ONLY, "--dry-run", status=1)
    assert error == (
        "error: .kaiwuctl-undo: a run was interrupted here; run the command without --dry-run to undo it\n"
    )
    assert snapshot(project.folder) == before


def test_ctrl_c_during_make(project: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "make").write_text("#!/bin/sh\necho started\nexec sleep 60\n")
    (folder / "make").chmod(0o755)
    command_line = CommandLine(project.folder, {"PATH": f"{folder}:{os.environ['PATH']}"})
    process = start(command_line, *CREATE)
    assert process.stdout is not None
    while "started" not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == (
        "error: `make generate manifests` was interrupted; the scaffold is complete and recorded: correct "
        "the cause "
        "and run make generate manifests\n"
    )
    assert project.ok(*CREATE_ONLY) == "Nothing to do: everything is there already.\n"
