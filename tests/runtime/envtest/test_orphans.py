"""However the process that started a control plane ends, nothing of the control plane is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import Binaries, ControlPlane
from kaiwu_runtime.errors import ControlPlaneError

from .conftest import processes_below, wait_for

pytestmark = pytest.mark.envtest

# The directory comes by the environment: only what belongs to the control plane has it in its arguments.
SCRIPT = """
import os, sys, time
from pathlib import Path
from kaiwu_runtime.envtest import ControlPlane
directory = Path(os.environ["PLANE"])
plane = ControlPlane(directory=directory)
plane.start()
(directory.parent / "started").touch()
{then}
"""
WAIT = "time.sleep(600)"


class Caller:
    """A process that starts a control plane."""

    def __init__(self, home: Path, binaries: Binaries, then: str = WAIT) -> None:
        self.directory = home / "plane"
        self.started = home / "started"
        self.errors = home / "errors.txt"
        with self.errors.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT.format(then=then)],
                env=os.environ | {"PLANE": str(self.directory), "KUBEBUILDER_ASSETS": str(binaries.directory)},
                stderr=stream,
                start_new_session=True,
            )

    def wait_until_started(self) -> None:
        wait_for(self.started.exists, "the control plane starts", seconds=60)
        assert len(processes_below(self.directory)) == 3, "supervisor, etcd, kube-apiserver"

    def assert_nothing_is_left(self) -> None:
        self.process.wait(30)
        wait_for(lambda: not processes_below(self.directory), "every process ends")
        wait_for(lambda: not self.directory.exists(), "the directory is removed")


@pytest.fixture
def callers(home: Path, real_binaries: Binaries) -> Iterator[list[Caller]]:
    started: list[Caller] = []
    yield started
    for caller in started:
        caller.process.kill()
        caller.process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_caller(
    number: signal.Signals, callers: list[Caller], home: Path, real_binaries: Binaries
) -> None:
    caller = Caller(home, real_binaries)
    callers.append(caller)
    caller.wait_until_started()
    os.killpg(caller.process.pid, number)  # the whole group, as a terminal does for Ctrl-C
    caller.assert_nothing_is_left()


@pytest.mark.parametrize(
    "then",
    ["os._exit(3)", "sys.exit(3)", "raise RuntimeError", "os.abort()", "pass"],
    ids=["_exit", "exit", "exception", "abort", "end"],
)
def test_the_caller_ends_without_stopping_it(
    then: str, callers: list[Caller], home: Path, real_binaries: Binaries
) -> None:
    caller = Caller(home, real_binaries, then)
    callers.append(caller)
    wait_for(caller.started.exists, "the control plane starts", seconds=60)
    caller.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(
    "moment",
    [
        "plane",
        "plane/supervisor.lock",
        "plane/logs/etcd.log",
        "plane/logs/kube-apiserver.log",
        "plane/etcd/member",
    ],
)
def test_a_signal_during_the_start(
    moment: str, number: signal.Signals, callers: list[Caller], home: Path, real_binaries: Binaries
) -> None:
    caller = Caller(home, real_binaries)
    callers.append(caller)
    wait_for((home / moment).exists, f"{moment} appears", seconds=60)
    os.killpg(caller.process.pid, number)
    caller.process.wait(30)
    wait_for(lambda: not processes_below(caller.directory), "every process ends")
    assert not caller.started.exists()
    if number == signal.SIGINT:
        wait_for(lambda: not caller.directory.exists(), "the directory is removed")
        assert "KeyboardInterrupt" in caller.errors.read_text()


def test_a_fork_that_outlives_the_caller_does_not_keep_it_alive(
    callers: list[Caller], home: Path, real_binaries: Binaries
) -> None:
    # The fork has a copy of the pipe's write end, so the supervisor never sees the end of it.
    then = """
child = os.fork()
if child:
    (directory.parent / "fork").write_text(str(child))
time.sleep(600)
"""
    caller = Caller(home, real_binaries, then)
    callers.append(caller)
    wait_for((home / "fork").exists, "the fork", seconds=60)
    wait_for((home / "fork").read_text, "the fork's process id")
    caller.process.kill()
    try:
        caller.assert_nothing_is_left()
    finally:
        os.kill(int((home / "fork").read_text()), signal.SIGKILL)


def test_a_fork_that_leaves_the_context_does_not_stop_it(
    callers: list[Caller], home: Path, real_binaries: Binaries
) -> None:
    then = """
child = os.fork()
if child == 0:
    plane.stop()
    os._exit(0)
os.waitpid(child, 0)
assert plane.rest.request("GET", "/readyz")[0] == 200
(directory.parent / "alive").touch()
plane.stop()
"""
    caller = Caller(home, real_binaries, then)
    callers.append(caller)
    caller.process.wait(60)
    assert caller.errors.read_text() == ""
    assert (home / "alive").exists()
    caller.assert_nothing_is_left()


def test_the_supervisor_itself_is_killed(real_binaries: Binaries, home: Path) -> None:
    plane = ControlPlane(binaries=real_binaries, directory=home / "plane").start()
    os.kill(plane._running().pid, signal.SIGKILL)
    with pytest.raises(ControlPlaneError, match="the supervisor process is gone"):
        plane.kill_apiserver()
    plane.stop()
    wait_for(lambda: not processes_below(home), "every process ends")
    assert list(home.iterdir()) == []


def test_the_thread_that_started_it_ends(real_binaries: Binaries, home: Path) -> None:
    # A request to the kernel to end a child with its parent would end it with this thread.
    plane = ControlPlane(binaries=real_binaries, directory=home / "plane")
    thread = threading.Thread(target=plane.start)
    thread.start()
    thread.join()
    assert plane.rest.request("GET", "/readyz")[0] == 200
    plane.stop()
