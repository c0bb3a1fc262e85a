"""Tests that a process ends whatever user code leaves behind in it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

LEFT_BEHIND = {
    "thread": "threading.Thread(target=time.sleep, args=(600,), name='left').start()",
    "thread pool": "ThreadPoolExecutor().submit(time.sleep, 600)",
    "thread pool of the loop": "loop.run_in_executor(ThreadPoolExecutor(), time.sleep, 600)",
    "to_thread": "loop.create_task(asyncio.to_thread(time.sleep, 600))",
    "process pool": "ProcessPoolExecutor(1, mp_context=fork).submit(time.sleep, 600)",
    "child process": "fork.Process(target=time.sleep, args=(600,)).start()",
    "atexit": "atexit.register(time.sleep, 600)",
    "task": "loop.create_task(stubborn())",
    "asynchronous generator": "kept.append(generator()); await anext(kept[-1])",
}

PROGRAM = """
import asyncio, atexit, multiprocessing, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from kaiwu_runtime.manager import _last_resort as last_resort, _process as process

fork = multiprocessing.get_context("fork")
last_resort.EXIT_SECONDS = process._LEFT_SECONDS = 0.3
kept = []

async def stubborn():
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            pass

async def generator():
    try:
        yield
    finally:
        await asyncio.sleep(600)

async def main():
    loop = asyncio.get_running_loop()
    {left}
    await asyncio.sleep(0.1)
    if {fails}:
        raise ValueError("the reason")

sys.exit(process.run_to_the_end(main))
"""

BLOCKED = """
import asyncio, sys, threading, time
from kaiwu_runtime.manager import _process as process
from kaiwu_runtime.manager._last_resort import Deadline
from kaiwu_runtime.manager._signals import stop_on_signal

async def main():
    stop = asyncio.Event()
    with stop_on_signal(stop.set, Deadline(0.5, "the loop is blocked")):
        print("ready", flush=True)
        {block}

sys.exit(process.run_to_the_end(main))
"""

BLOCKS = {
    "at once": "time.sleep(600)",
    "when it is told to stop": "await stop.wait(); time.sleep(600)",
    "when it is cancelled": """
        try:
            await asyncio.wait_for(asyncio.sleep(600), 0.1)
        except TimeoutError:
            pass
        finally:
            time.sleep(600)""",
    "by a loop that never waits": "\n        while True: pass",
    "by never looking at the signal": "await asyncio.Event().wait()",
}


def _ends(left: tuple[str, ...], *, fails: bool) -> None:
    code = "\n    ".join(LEFT_BEHIND[name] for name in left)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(left=code, fails=fails)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == int(fails), done.stderr
    assert ("the reason" in done.stderr) == fails


@pytest.mark.parametrize(("number", "left"), list(enumerate(LEFT_BEHIND)))
def test_nothing_that_is_left_behind_keeps_the_process(number: int, left: str) -> None:
    _ends((left,), fails=number % 2 == 1)


def test_several_things_that_are_left_behind_do_not_keep_the_process() -> None:
    chosen = random.Random(12)
    for number in range(3):
        _ends(tuple(chosen.sample(list(LEFT_BEHIND), 2 + number)), fails=number == 1)


def test_managers_that_run_one_after_the_other_leave_one_thread() -> None:
    """And what is imported after the first one, a pool of processes for instance, does not keep the process."""
    program = """
import sys, threading, time
from kaiwu_runtime.manager import _last_resort as last_resort, _process as process

last_resort.EXIT_SECONDS = process._LEFT_SECONDS = 0.3

async def main():
    pass

assert process.run_to_the_end(main) == 0
assert "concurrent.futures.process" not in sys.modules
from concurrent.futures import ProcessPoolExecutor
ProcessPoolExecutor(1).submit(time.sleep, 600)
for _ in range(5):
    process.run_to_the_end(main)
print([thread.name for thread in threading.enumerate()].count("exit"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_what_ends_in_time_is_waited_for() -> None:
    program = PROGRAM.replace("0.3", "10").format(
        left="threading.Thread(target=lambda: (time.sleep(1.5), print('written'))).start()", fails=False
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "written\n")


@pytest.mark.parametrize("block", BLOCKS)
def test_a_blocked_event_loop_does_not_keep_the_process(block: str) -> None:
    program = BLOCKED.format(block=textwrap.dedent(BLOCKS[block]) if "\n" not in BLOCKS[block] else BLOCKS[block])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        running.send_signal(signal.SIGTERM)
        killer = threading.Timer(60, running.kill)
        killer.start()
        said = running.stderr.read().decode()
        killer.cancel()
    assert running.returncode == 1
    assert "the loop is blocked" in said


def test_the_interpreter_does_not_collect_what_the_kernel_frees_anyway() -> None:
    """Not before the process ends, however often a manager ran."""
    code = """
    import atexit, gc
    from kaiwu_runtime.manager._last_resort import exit_with
    frozen = gc.get_freeze_count()  # some by Python 3.12 itself
    atexit.register(lambda: print(gc.get_freeze_count() > frozen + 1000))
    exit_with(0), exit_with(0)
    print(gc.get_freeze_count() - frozen)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["0", "True"]
