"""The processes of a control plane do what was asked before the call returns."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest._processes import Processes
from kaiwu_runtime.errors import ControlPlaneError

from .conftest import wait_for

BUSY = """
import hashlib, threading
def work():
    block = bytes(1_000_000)  # large enough that hashing it lets the other threads run
    while True:
        hashlib.sha256(block)
for _ in range(40):
    threading.Thread(target=work).start()
print("running", flush=True)
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads the states of threads from /proc")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    directory = tmp_path / "processes"
    directory.mkdir()
    running = Processes(directory)
    yield running
    running.end()


def start(processes: Processes, script: str, log: Path) -> int:
    pid = processes.start("program", [sys.executable, "-c", script], log)
    wait_for(lambda: b"running" in log.read_bytes(), "the program runs")
    return pid


def states(pid: int) -> list[str]:
    return [file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")]


@linux
def test_every_thread_of_a_frozen_program_has_stopped(processes: Processes, tmp_path: Path) -> None:
    pid = start(processes, BUSY, tmp_path / "log")
    for _ in range(10):
        processes.signal("program", signal.SIGSTOP)
        assert states(pid) == ["T"] * 41
        processes.signal("program", signal.SIGSTOP)  # of a program that is frozen already
        processes.signal("program", signal.SIGCONT)
        assert "T" not in states(pid)
    processes.signal("program", signal.SIGSTOP)
    assert processes.stop("program", number=signal.SIGKILL) == -signal.SIGKILL


def test_a_program_that_has_ended_can_be_frozen(processes: Processes, tmp_path: Path) -> None:
    start(processes, "print('running'); raise SystemExit(3)", tmp_path / "log")
    wait_for(processes.exited, "the program ends")
    processes.signal("program", signal.SIGSTOP)
    assert processes.exited() == {"program": 3}


def test_freezing_a_program_that_is_about_to_end_keeps_its_exit_status(processes: Processes, tmp_path: Path) -> None:
    script = "import os; print('running', flush=True); os._exit(4)"
    start(processes, script, tmp_path / "log")
    processes.signal("program", signal.SIGSTOP)
    processes.signal("program", signal.SIGCONT)
    wait_for(lambda: processes.exited() == {"program": 4}, "its exit status is kept")


def test_a_program_that_was_not_started_is_named(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match=r"^no program 'etcd' was started, only none$"):
        processes.stop("etcd")
    start(processes, "import time; print('running', flush=True); time.sleep(60)", tmp_path / "log")
    with pytest.raises(ControlPlaneError, match=r"^no program 'kube-apisever' was started, only program$"):
        processes.signal("kube-apisever", signal.SIGSTOP)
