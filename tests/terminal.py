"""What stays in the foreground of another terminal, `make run` above all: started, waited for, and ended as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from types import TracebackType

START_SECONDS = 120.0
END_SECONDS = 60.0


class Terminal:
    """A terminal with one command in its foreground, and a log of what that prints.

    Args:
        command: Program and arguments.
        folder: Where it runs.
        environment: Its whole environment.
        log: The file that its output goes to.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.interrupt()

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def shows(self, line: str) -> None:
        """Wait until it has printed something."""
        deadline = time.monotonic() + START_SECONDS
        while line not in self.text:
            assert self._process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    @contextmanager
    def stopped_for(self, seconds: float) -> Iterator[None]:
        """Let what runs here do nothing for a while, as on a machine that is busy with something else."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        goes_on = Timer(seconds, os.killpg, (self._process.pid, signal.SIGCONT))
        goes_on.start()
        try:
            yield
        finally:
            goes_on.join()

    def interrupt(self) -> None:
        """Send what Ctrl-C sends, and wait for all that the command started, not only for its shell.

        A shell and make end at once, and the operator a moment later: until then it has its ports.
        """
        number = signal.SIGINT
        for seconds in (END_SECONDS, 5.0):
            if self._members():
                os.killpg(self._process.pid, number)
            deadline = time.monotonic() + seconds
            while self._members():
                if time.monotonic() > deadline:
                    break
                self._process.poll()
                time.sleep(0.05)
            else:
                self._process.wait(timeout=5)
                assert number == signal.SIGINT, f"did not end within {END_SECONDS:g} s of Ctrl-C\n{self.text}"
                return
            number = signal.SIGKILL
        raise AssertionError(f"was not to be ended\n{self.text}")

    def _members(self) -> list[int]:
        """Return the processes of its group that still run; zombies do not count."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
            except (OSError, ValueError):  # it has ended meanwhile
                continue
            if int(group) == self._process.pid and state not in "ZX":
                found.append(int(stat.parent.name))
        return found
