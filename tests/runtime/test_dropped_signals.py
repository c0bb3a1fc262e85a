"""A signal that comes while Python runs a callback of its own ends the program as any other does."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# How to make Python run `stop` in a place whose exceptions it drops.
CALLBACKS = {
    "weak reference": """
import weakref
class Referent: pass
referent = Referent()
reference = weakref.ref(referent, lambda _: stop())
del referent
""",
    "finalizer": """
class Finalized:
    def __del__(self): stop()
Finalized()
""",
    "generator": """
def generate():
    try:
        yield
    finally:
        stop()
next(generate())
""",
    "cycle": """
import gc
class Finalized:
    def __del__(self): stop()
finalized = Finalized()
finalized.itself = finalized
del finalized
gc.collect()
""",
}

PROGRAM = """
import os, signal, sys, time
from kaiwu_runtime._dropped_signals import send_dropped_signals_again
from kaiwu_runtime._interruption import exit_status, raise_on_signals

def stop():
    for _ in range({signals}):
        os.kill(os.getpid(), {number})
        time.sleep(0)

send_dropped_signals_again()
send_dropped_signals_again()
raise_on_signals()
try:
{callback}
    print("went on\\n", end="")  # in one piece: the alarm may come in between
    time.sleep({rest})
except KeyboardInterrupt as error:
    sys.exit(exit_status(error))
"""


def run(callback: str, *, number: int, rest: float = 30, signals: int = 1) -> subprocess.CompletedProcess[str]:
    indented = "\n".join("    " + line for line in callback.splitlines())
    program = PROGRAM.format(callback=indented, number=number, rest=rest, signals=signals)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("signals", [1, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", CALLBACKS)
def test_a_signal_in_a_callback(place: str, number: signal.Signals, signals: int) -> None:
    ended = run(CALLBACKS[place], number=number, signals=signals)
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, "went on\n", "")


def test_other_exceptions_are_reported_as_before() -> None:
    ended = run("class Finalized:\n    def __del__(self): sys.exit(3)\nFinalized()\n", number=signal.SIGINT, rest=0)
    assert (ended.returncode, ended.stdout) == (0, "went on\n")
    assert "Exception ignored in" in ended.stderr
    assert "SystemExit: 3" in ended.stderr


def test_the_alarm_of_the_program_stays_its_own() -> None:
    callback = (
        "signal.signal(signal.SIGALRM, lambda *_: print('alarm'))\n"
        + CALLBACKS["finalizer"]
        + "try:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    pass\nsignal.raise_signal(signal.SIGALRM)\n"
    )
    ended = run(callback, number=signal.SIGINT, rest=0)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "alarm\nwent on\n", "")


def test_a_signal_that_is_dropped_just_before_the_end() -> None:
    """The alarm that sends it again must not end the process, as it does where no handler is left."""
    slow = "class Slow:\n    def __del__(self): time.sleep(0.1)\nslow = Slow()\n"
    ended = run(slow + CALLBACKS["finalizer"], number=signal.SIGINT, rest=0)
    assert ended.returncode in {0, 128 + signal.SIGINT}
    assert (ended.stdout, ended.stderr) == ("went on\n", "")
