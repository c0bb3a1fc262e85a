"""A signal that comes when a command has done its work ends it without a traceback, and not by an alarm."""

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
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def run(project: CommandLine, code: str, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, "version", str(int(number))]
    return subprocess.run(
        command, cwd=project.folder, env=project.env(), capture_output=True, text=True, check=False, timeout=60
    )


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
