"""Signals, on each event loop, also while something blocks it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PROGRAM = """
import asyncio, logging, signal, sys, time
from kaiwu_runtime.manager._signals import stop_on_signal

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")

async def main(block):
    stopped = asyncio.Event()
    with stop_on_signal(stopped.set):
        print("ready", flush=True)
        if block == "another handler":
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)
        while block == "loop":
            pass
        if block == "sleep":
            time.sleep(60)
        await stopped.wait()
        print("stopping", flush=True)
        await asyncio.sleep(60 if block == "slow stop" else 0)
    print("stopped", flush=True)

loop, block = sys.argv[1:]
if loop == "uvloop":
    import uvloop
    uvloop.run(main(block))
else:
    asyncio.run(main(block))
"""

LOOPS = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@contextmanager
def program(loop: str, block: str) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, loop, block], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = (line.strip() for line in process.stdout)
    try:
        assert next(lines) == "ready"
        yield process, lines
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdout.close()


@LOOPS
@pytest.mark.parametrize("block", ["nothing", "another handler"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_stops_in_order(loop: str, number: signal.Signals, block: str) -> None:
    with program(loop, block) as (process, lines):
        process.send_signal(number)
        assert next(lines) == "Stopping; a second signal ends the process at once"
        assert [*lines] == ["stopping", "stopped"]
        assert process.wait(timeout=10) == 0


@LOOPS
def test_a_second_signal_does_not_wait_for_a_slow_stop(loop: str) -> None:
    with program(loop, "slow stop") as (process, lines):
        process.send_signal(signal.SIGTERM)
        assert next(lines).startswith("Stopping")
        assert next(lines) == "stopping"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 1


@LOOPS
@pytest.mark.parametrize("block", ["loop", "sleep"])
def test_a_second_signal_ends_a_process_whose_loop_is_blocked(loop: str, block: str) -> None:
    with program(loop, block) as (process, _):
        # A signal while another of its kind is pending is dropped, so the two differ.
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 1
