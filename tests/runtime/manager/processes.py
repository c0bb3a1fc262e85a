"""Starts the operator beside this file as processes, and reads what they wrote down."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kaiwu_runtime.envtest import ControlPlane

from ..faults.proxy import FaultProxy

OPERATOR = Path(__file__).with_name("journalling_operator.py")


def wait_until(condition: Callable[[], object], seconds: float = 30.0, why: Callable[[], str] = lambda: "") -> None:
    """Return when a condition holds; an AssertionError tells what was found instead."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s\n{why()}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Entry:
    """One line of the journal."""

    moment: float
    process: int
    word: str


@dataclass
class Processes:
    """Operators that share a journal.

    Attributes:
        folder: For the journal and the logs.
        kubeconfig: Of the API server.
    """

    folder: Path
    kubeconfig: Path

    @property
    def journal(self) -> list[Entry]:
        """What was written down so far."""
        path = self.folder / "journal"
        if not path.exists():
            return []
        lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
        return [Entry(float(moment), int(process), word) for moment, process, word in lines]

    def runs(self, process: int) -> int:
        """Return how many reconciles a process has begun."""
        return sum(entry.process == process and entry.word == "begin" for entry in self.journal)

    def log(self, name: str) -> str:
        """Return what a process has logged."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    @contextmanager
    def start(
        self, name: str, *flags: str, kubeconfig: Path | None = None, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run an operator while the block runs; it is killed at the end if it still lives."""
        with (self.folder / f"{name}.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(OPERATOR), "--health-probe-bind-address=0", "--log-format=json", *flags],
                env={
                    **os.environ,
                    "KUBECONFIG": str(kubeconfig or self.kubeconfig),
                    "JOURNAL": str(self.folder / "journal"),
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(timeout=20)

    def pause_between_reconciles(self, process: subprocess.Popen[bytes]) -> None:
        """Stop a process that has no reconcile in progress.

        One that was in progress continues in the process' own memory when it is resumed, which nothing can prevent.
        """
        while True:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if [entry.word for entry in self.journal if entry.process == process.pid][-1] == "end":
                return
            process.send_signal(signal.SIGCONT)
            time.sleep(0.02)

    def overlaps(self) -> list[tuple[Entry, Entry]]:
        """Return the pairs of a reconcile that was in progress and one that another process began meanwhile.

        A process that was killed never ended its last one: it is over with the kill, so only entries of processes
        that wrote something later count.
        """
        journal = self.journal
        last = {entry.process: index for index, entry in enumerate(journal)}
        found: list[tuple[Entry, Entry]] = []
        working: dict[int, Entry] = {}
        for index, entry in enumerate(journal):
            if entry.word == "end":
                working.pop(entry.process, None)
                continue
            found += [
                (other, entry)
                for process, other in working.items()
                if process != entry.process and last[process] > index
            ]
            working[entry.process] = entry
        return found


def proxied(kubeconfig: Path, port: int, target: Path) -> Path:
    """Write a kubeconfig whose server is a proxy's port."""
    text = re.sub(r"https://127\.0\.0\.1:\d+", f"https://127.0.0.1:{port}", kubeconfig.read_text(encoding="utf-8"))
    target.write_text(text, encoding="utf-8")
    return target


@asynccontextmanager
async def proxied_server(control_plane: ControlPlane, folder: Path) -> AsyncIterator[tuple[FaultProxy, Path]]:
    """Put a proxy in front of an API server; gives it, and a kubeconfig that leads through it."""
    async with FaultProxy(int(control_plane.url.rsplit(":", 1)[1])) as proxy:
        yield proxy, proxied(control_plane.kubeconfig, proxy.port, folder / "proxied")
