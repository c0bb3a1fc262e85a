"""One operator process: its start, its CPU time and memory, its end."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .quiet import until_quiet

_libc = ctypes.CDLL(None, use_errno=True)
QUIET_SHARE = 0.02
"""A process that uses less of one core than this has nothing left to do."""


class OperatorProcess:
    """A running operator, its output in a log file.

    Args:
        command: Program and arguments.
        environment: The whole environment.
        log: File for its standard output and error.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.started = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                list(command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        clock = ctypes.c_int()
        if _libc.clock_getcpuclockid(self._process.pid, ctypes.byref(clock)):
            self._process.kill()
            raise OSError("this system has no CPU clocks of other processes; the benchmark needs Linux")
        self._clock = clock.value

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far; to the nanosecond, where /proc counts in 10 ms."""
        return time.clock_gettime(self._clock)

    def memory_mib(self) -> tuple[float, float]:
        """Peak and present resident set, in MiB.

        Of this very program: the maximum that wait4 returns contains the driver's own size at the fork.
        """
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines())
        peak, present = (int(fields[name].split()[0]) / 1024 for name in ("VmHWM", "VmRSS"))
        return peak, present

    async def quiet(self) -> None:
        """Wait until the process has nothing left to do."""
        await until_quiet(self.cpu_seconds, QUIET_SHARE, 20.0)

    def stop(self, timeout: float = 20.0) -> tuple[int, float]:
        """End it with SIGTERM, by force when that takes too long; exit status and seconds taken."""
        begin = time.monotonic()
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return status, time.monotonic() - begin

    def tail(self, lines: int = 12) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
