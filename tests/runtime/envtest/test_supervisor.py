"""A signal ends the supervisor and its children, wherever in the supervisor it comes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kaiwu_runtime.envtest import _supervisor as supervisor

from .conftest import wait_for

SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]

# A signal while a child is started: in a finalizer, whose exceptions Python drops, or in a line as any other.
AT_THE_START = """
import os, runpy, sys

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), number)

def hook(event, arguments):
    if event == "subprocess.Popen":
        Finalized() if place == "finalizer" else os.kill(os.getpid(), number)

path, directory, place = sys.argv[1:4]
number = int(sys.argv[4])
sys.argv[1:] = [directory]
sys.addaudithook(hook)
runpy.run_path(path, run_name="__main__")
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('running', flush=True)\n"


class Running:
    """A supervisor, the directory that it removes, and the log of its program."""

    def __init__(self, directory: Path, *before: str) -> None:
        self.directory = directory
        directory.mkdir()
        self.log = directory.parent / "log"
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", *(before or (supervisor.__file__, str(directory)))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def send(self, **request: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def start(self, script: str) -> None:
        self.send(op="start", name="program", argv=[sys.executable, "-c", script], log=str(self.log))

    def assert_ended(self) -> None:
        assert self.process.wait(5) == 0
        assert self.process.stderr is not None
        assert self.process.stderr.read() == b""
        assert not self.directory.exists()
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)


@pytest.fixture
def started() -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for each in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.process.pid, signal.SIGKILL)
        each.process.communicate()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("place", ["line", "finalizer"])
def test_a_signal_while_a_program_starts(
    tmp_path: Path, started: list[Running], place: str, number: signal.Signals
) -> None:
    directory = tmp_path / "plane"
    running = Running(directory, "-c", AT_THE_START, supervisor.__file__, str(directory), place, str(int(number)))
    started.append(running)
    running.start("import time; time.sleep(600)")
    running.assert_ended()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_program_is_stopped(tmp_path: Path, started: list[Running], number: signal.Signals) -> None:
    running = Running(tmp_path / "plane")
    started.append(running)
    running.start(STUBBORN + "time.sleep(600)")
    wait_for(lambda: running.log.exists() and running.log.read_text() == "running\n", "the program runs")
    running.send(op="stop", name="program", signal=int(signal.SIGTERM), grace=600)
    running.process.send_signal(number)
    running.assert_ended()


@pytest.mark.parametrize("detached", [False, True])
def test_signals_to_its_whole_group(tmp_path: Path, started: list[Running], detached: bool) -> None:
    running = Running(tmp_path / "plane")
    started.append(running)
    running.start(STUBBORN + "time.sleep(600)")
    if detached:
        running.send(op="detach")
    wait_for(lambda: running.log.exists() and running.log.read_text() == "running\n", "the program runs")
    for number in SIGNALS:
        os.killpg(running.process.pid, number)
    running.assert_ended()
