"""A signal before a command begins its work, or when it has done it, shows no traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from .command_line import CommandLine

# In the last lines of the command, where Python drops the exception, before an end of the interpreter that is slow.
DROPPED_AT_THE_END = """
import io, os, sys, time
from kaiwuctl.cli import main

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), number)

class Slow:
    def __del__(self):
        time.sleep(0.1)

class Output(io.TextIOWrapper):
    def flush(self):
        super().flush()
        caller = sys._getframe().f_back
        if caller is not None and caller.f_code.co_name == "_run":
            Finalized()

slow = Slow()
number = int(sys.argv.pop())
sys.stdout = Output(sys.stdout.detach())
sys.exit(main())
"""
AFTER_THE_END = """
import atexit, os, sys
from kaiwuctl.cli import main

number = int(sys.argv.pop())
atexit.register(lambda: os.kill(os.getpid(), number))
sys.exit(main())
"""
# Ctrl-C at an import, counted from the first of kaiwuctl's own.
AT_AN_IMPORT = """
import sys
from importlib.machinery import PathFinder

class Interrupting:
    left = int(sys.argv.pop())
    started = False

    def find_spec(self, name, path=None, target=None):
        Interrupting.left -= Interrupting.started
        Interrupting.started = Interrupting.started or name == "kaiwuctl.cli"
        if Interrupting.left < 0:
            Interrupting.left = 10**6
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from kaiwuctl.cli import main
sys.exit(main())
"""
# In the last lines of the command, and again when that is to be reported.
TWICE = """
import io, os, sys
from kaiwuctl.cli import main

class Output(io.TextIOWrapper):
    def flush(self):
        super().flush()
        caller = sys._getframe().f_back
        if caller is not None and caller.f_code.co_name == "_run":
            sys.settrace(trace)
            os.kill(os.getpid(), number)

def trace(frame, event, argument):
    if frame.f_code.co_name == "_interrupted":
        sys.settrace(None)
        os.kill(os.getpid(), number)

number = int(sys.argv.pop())
sys.stdout = Output(sys.stdout.detach())
sys.exit(main())
"""
# A library catches the interruption and fails later for it.
STUMBLED = """
import os, sys
from kaiwuctl import application
from kaiwuctl.cli import main

def build():
    try:
        os.kill(os.getpid(), number)
    except BaseException:
        raise KeyError from None

number = int(sys.argv.pop())
application.build = build
sys.exit(main())
"""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def run(project: CommandLine, code: str, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, "version", str(int(number))]
    return subprocess.run(
        command, cwd=project.folder, env=project.env(), capture_output=True, text=True, check=False, timeout=60
    )


def test_little_is_loaded_before_ctrl_c_is_reported(project: CommandLine) -> None:
    code = f"import sys; sys.path[:0] = {sys.path!r}; import kaiwuctl.cli; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", code]
    loaded = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True).stdout.split()
    assert not {"typing", "re", "enum", "signal"} & set(loaded)


@pytest.mark.parametrize("left", [12, 16, 24, 48, 96])
def test_ctrl_c_at_an_import(project: CommandLine, left: int) -> None:
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{AT_AN_IMPORT}"]
    ended = subprocess.run(
        [*command, "version", str(left)],
        cwd=project.folder,
        env=project.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (130, "error: interrupted; nothing was changed\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_python_drops_at_the_end(project: CommandLine, number: signal.Signals) -> None:
    ended = run(project, DROPPED_AT_THE_END, number)
    # As if it had come after the end, or sent again before.
    assert ended.returncode in {0, 128 + number, -number}
    assert ended.stderr in {"", "error: interrupted; nothing was changed\n"}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_after_the_end(project: CommandLine, number: signal.Signals) -> None:
    ended = run(project, AFTER_THE_END, number)
    assert (ended.returncode, ended.stderr) == (-number, "")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_before_the_first_is_reported(project: CommandLine, number: signal.Signals) -> None:
    ended = run(project, TWICE, number)
    assert (ended.returncode, ended.stderr) == (128 + number, "error: interrupted; nothing was changed\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_an_error_after_a_signal_that_was_dropped(project: CommandLine, number: signal.Signals) -> None:
    ended = run(project, STUMBLED, number)
    assert (ended.returncode, ended.stderr) == (128 + number, "error: interrupted; nothing was changed\n")
