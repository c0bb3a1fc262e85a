"""An operator's process ends when it should, and does not when it should not."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

BEGIN = """
import asyncio, logging, multiprocessing, os, signal, sys, threading, time
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, controller_managed_by
from kaiwu_runtime.testing import FakeTransport

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in what it runs in the background
fake = FakeTransport()
for name in ("a", "b"):
    asyncio.run(Client(fake).create(ConfigMap(metadata=ObjectMeta(name=name, namespace="x"))))

class Base(Reconciler):
    def setup_with_manager(self, manager):
        controller_managed_by(manager).for_(ConfigMap).complete(self)
"""
END = """
manager = Manager(
    ManagerOptions(health_probe_bind_address="0", grace_period=0.5, log_format="console"), client=Client(fake)
)
manager.setup(R)
status = manager.run()
print("run returned", status, flush=True)
sys.exit(status)
"""


def program(body: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + body + END], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def outcome(body: str, *, until: str, within: float = 20.0) -> tuple[int, str]:
    """Run an operator, send it SIGTERM once it printed something, and return its status and what it said."""
    process = program(body)
    overdue = threading.Timer(60, process.kill)
    overdue.start()
    try:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if until in line:
                process.send_signal(signal.SIGTERM)
                break
        rest, _ = process.communicate(timeout=within)
    finally:
        overdue.cancel()
        process.kill()
        process.wait(10)
    return process.returncode, "".join([*said, rest])


@pytest.mark.parametrize("raising", ["sys.exit(3)", "raise KeyboardInterrupt"])
@pytest.mark.parametrize("begin", ["asyncio.create_task(leave())", "asyncio.get_running_loop().call_soon(leave_now)"])
def test_a_task_of_the_project_cannot_end_the_process(raising: str, begin: str) -> None:
    status, said = outcome(
        f"""
async def leave():
    {raising}
def leave_now():
    {raising}
class R(Base):
    async def reconcile(self, request):
        if request.name == "a":
            {begin}
            await asyncio.sleep(0.1)
        else:
            print("working on", request.name, flush=True)
""",
        until="working on b",
    )
    assert status == 0, said
    assert "tried to end the process; continuing" in said


@pytest.mark.parametrize(
    "work",
    [
        pytest.param("await swallow()", id="swallows its cancellation"),
        pytest.param("await asyncio.to_thread(time.sleep, 120)", id="a thread hangs"),
        pytest.param("asyncio.create_task(swallow()); await asyncio.sleep(60)", id="its own task swallows it"),
    ],
)
def test_code_that_does_not_end_cannot_keep_the_process(work: str) -> None:
    began = time.monotonic()
    status, said = outcome(
        f"""
async def swallow():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
class R(Base):
    async def reconcile(self, request):
        print("working on", request.name, flush=True)
        {work}
""",
        until="working on",
    )
    assert status == 0, said
    assert "run returned 0" in said
    assert said.count("working on") == 1
    assert time.monotonic() - began < 20


CHILDREN = {
    "a raw fork that exits": (
        """
        pid = os.fork()
        if pid == 0:
            sys.exit(7)
        print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
""",
        "child 7",
    ),
    "a raw fork that returns": (
        """
        pid = os.fork()
        if pid == 0:
            return None
        print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
""",
        "child 0",
    ),
    "a raw fork that raises": (
        """
        pid = os.fork()
        if pid == 0:
            raise ValueError("in the child")
        print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
""",
        "child 1",
    ),
    "a worker that is terminated": (
        """
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()
        time.sleep(0.2)
        worker.terminate()
        worker.join(10)
        print("child", worker.exitcode, flush=True)
""",
        "child -15",
    ),
    "a worker that is interrupted": (
        """
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()
        time.sleep(0.2)
        os.kill(worker.pid, 2)
        worker.join(10)
        print("child", worker.exitcode, flush=True)
""",
        "child 1",
    ),
}


@pytest.mark.parametrize("how", ["def reconcile(", "async def reconcile(", "def work("])
@pytest.mark.parametrize("child", CHILDREN)
def test_a_child_that_is_forked_is_not_the_operator(child: str, how: str) -> None:
    body, expected = CHILDREN[child]
    status, said = outcome(
        f"""
class R(Base):
    async def reconcile(self, request):
        await asyncio.to_thread(self.work, request)
    {how}self, request):{body}
        if request.name == "b":
            print("both done", flush=True)
""",
        until="both done",
    )
    assert status == 0, said
    assert said.count(expected) == 2, said
    assert said.count("run returned") == 1, said
    assert "Stopping" in said.partition("both done")[2], said
    assert "Stopping" not in said.partition("both done")[0], said


def test_the_reason_of_a_failure_is_in_the_log_once() -> None:
    process = program(
        """
class R(Base):
    async def reconcile(self, request):
        pass
class Failing:
    async def run(self):
        await asyncio.sleep(0.2)
        sys.exit(0)
add = Manager.setup
def setup(self, *kinds):
    add(self, *kinds)
    self.add(Failing())
Manager.setup = setup
"""
    )
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said.count("The manager failed") == 1
    assert "SystemExit" in said
