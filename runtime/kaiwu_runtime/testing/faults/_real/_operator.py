"""The operator as a process of its own: ``python main.py``, its log, and its end by SIGKILL."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kaiwu_runtime.rest._lines import LineSplitter
from kaiwu_runtime.testing.faults._blocked import Blocked

_SHOWN = 160
_KEPT = 10_000
"""Characters of a line of the log that are kept."""

_NO_FLAGS = "unrecognized arguments: --leader-elect"
_PR_SET_PDEATHSIG = 1
_LIBRARY = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: little may be done after a fork
_FIRST_RETRY_SECONDS = 0.005
_LONGEST_RETRY_SECONDS = 1000.0
_SLACK_SECONDS = 0.5


@dataclass(slots=True)
class _Failure:
    count: int
    at: float
    text: str


class OperatorProcess:
    """One life of the operator.

    Args:
        arguments: For Python: the file and its flags.
        kubeconfig: How it reaches the API server.
        environment: In addition to this process's.
        blocked: Is told of each reconcile that blocks the event loop.
        echo: Print its log on standard error.

    Attributes:
        lines: The last lines of its log.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        kubeconfig: Path,
        environment: Mapping[str, str],
        *,
        blocked: Blocked | None = None,
        echo: bool = False,
    ) -> None:
        self._blocked = blocked or Blocked()
        self._arguments = arguments
        self._environment = {**os.environ, **environment, "KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1"}
        self._echo = echo
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._failures: dict[str, _Failure] = {}
        self.lines: deque[str] = deque(maxlen=50)

    async def start(self) -> None:
        """Start it, in a process group of its own: a Ctrl-C is for this process, which kills it then.

        Raises:
            OSError: It cannot be started.
        """
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._reading = asyncio.create_task(self._read(), name="operator's log")

    @property
    def ended(self) -> bool:
        """Whether it does not run any longer."""
        return self._process is None or self._process.returncode is not None

    def kill(self) -> None:
        """Kill it, and what it has started, with SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Return when it has ended and its log was read."""
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            # A process that inherited its output may keep it open.
            await asyncio.wait({self._reading}, timeout=1.0)
            self._reading.cancel()

    def failing(self) -> str:
        """Return the object whose reconcile fails, and why; empty if none was retried in vain lately.

        A success is not logged, so an error counts until the next attempt would have failed too.
        """
        now = time.monotonic()
        for key, failure in self._failures.items():
            if now - failure.at <= _pause(failure.count) + _SLACK_SECONDS:
                return f"reconcile of {key} fails: {failure.text}"
        return ""

    def last_words(self) -> str:
        """Return the end of its log and how it ended, in one line."""
        status = self._process.returncode if self._process is not None else None
        how = "" if status is None else f" (signal {-status})" if status < 0 else f" (exit status {status})"
        meant = [line for line in self.lines if line.strip()]
        if not meant:
            return f"without a word{how}"
        if any(_NO_FLAGS in line for line in meant):
            return f"its program does not read the flags of the manager: use ManagerOptions.from_args{how}"
        told = _parsed(meant[-1])
        text = f"{told['msg']} {told.get('error', '')}".strip() if "msg" in told else meant[-1].strip()
        return f"{text if len(text) <= _SHOWN else f'{text[: _SHOWN - 3]}...'}{how}"

    async def _read(self) -> None:
        assert self._process is not None  # noqa: S101 - for mypy
        output = self._process.stdout
        assert output is not None  # noqa: S101
        splitter = LineSplitter(cut=4 * _KEPT)  # a character has four bytes at most
        while chunk := await output.read(65536):
            for line in splitter.feed(chunk):
                self._take(line.decode(errors="replace"))
        for line in splitter.feed(b"\n"):  # without a newline at its end
            self._take(line.decode(errors="replace"))

    def _take(self, line: str) -> None:
        self.lines.append(line[:_KEPT])
        if self._echo:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command line
        blocked = '"The reconciler blocked the event loop' in line
        if '"Reconciler error"' not in line and not blocked:
            return
        told = _parsed(line)
        where = "/".join(filter(None, (str(told.get("namespace", "")), str(told.get("name", "")))))
        if blocked:
            seconds = told.get("seconds")
            self._blocked.note(str(told.get("controller", "")), where, seconds if isinstance(seconds, float) else 0.0)
            return
        key = f"{told.get('controller', '')} {where}"
        now, before = time.monotonic(), self._failures.get(key)
        again = before is not None and now - before.at <= _pause(before.count) + _SLACK_SECONDS
        count = before.count + 1 if before is not None and again else 1
        self._failures[key] = _Failure(count, now, str(told.get("error", "")))


def _die_with_parent() -> None:
    """Let Linux kill the operator when this process is killed; in other systems it ends when it loses its Lease."""
    if _LIBRARY is not None:
        _LIBRARY.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _pause(count: int) -> float:
    """Return how long the default rate limiter waits after so many errors of an object."""
    return min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0 ** min(count, 30))


def _parsed(line: str) -> Mapping[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
