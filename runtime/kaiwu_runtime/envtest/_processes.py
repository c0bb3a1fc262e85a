"""The caller's side of the supervisor: starts it and sends it requests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, cast

from kaiwu_runtime.envtest import _supervisor as supervisor
from kaiwu_runtime.errors import ControlPlaneError


class Processes:
    """The processes of one control plane, all of which end when this process does.

    Args:
        directory: Working directory of the processes; removed when they end.

    Raises:
        ControlPlaneError: The supervisor could not be started.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._owner = os.getpid()
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ControlPlaneError(f"cannot start the supervisor process: {error}") from error

    @property
    def pid(self) -> int:
        """Process id of the supervisor, which is also the id of the process group of everything below it."""
        return self._supervisor.pid

    def start(self, name: str, argv: list[str], log: Path) -> int:
        """Start one program and return its process id.

        Args:
            name: What the other methods call it.
            argv: Program and arguments.
            log: File its output is appended to.

        Raises:
            ControlPlaneError: The program cannot be executed.
        """
        try:
            return cast("int", self._request(op="start", name=name, argv=argv, log=str(log))["pid"])
        except ControlPlaneError as error:
            raise ControlPlaneError(f"cannot start {name} ({argv[0]}): {error}") from error

    def exited(self) -> dict[str, int]:
        """Exit status by name of the programs that have ended (negative: the signal that ended them)."""
        return cast("dict[str, int]", self._request(op="status")["exited"])

    def stop(self, name: str, *, number: signal.Signals = signal.SIGTERM, grace: float = 10.0) -> int:
        """Send a signal, wait `grace` seconds, then SIGKILL; return the exit status."""
        return cast("int", self._request(op="stop", name=name, signal=int(number), grace=grace)["status"])

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal without waiting for its effect, except SIGSTOP: the program has stopped on return."""
        self._request(op="signal", name=name, signal=int(number))

    def detach(self) -> None:
        """Let the processes outlive this one; SIGTERM to :attr:`pid` ends them."""
        self._request(op="detach")
        self._close_pipes()
        # The interpreter would warn about, and wait for, a child it still knows.
        self._supervisor.returncode = 0

    def end(self) -> None:
        """End everything and remove the directory; safe to call twice and in a fork of the owner."""
        if os.getpid() != self._owner or self._supervisor.returncode is not None:
            return
        with contextlib.suppress(ControlPlaneError):
            self._request(op="end")
        self._close_pipes()
        try:
            self._supervisor.wait(30)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        if self._supervisor.returncode != 0:  # it was killed itself, so its children may still be there
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._supervisor.pid, signal.SIGKILL)
            shutil.rmtree(self.directory, ignore_errors=True)

    def _request(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - values of a JSON object
        stdin, stdout = cast("IO[bytes]", self._supervisor.stdin), cast("IO[bytes]", self._supervisor.stdout)
        with self._lock:
            try:
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()
                line = stdout.readline()
            except (OSError, ValueError) as error:
                raise ControlPlaneError(f"the supervisor process is gone: {error}") from error
        if not line:
            raise ControlPlaneError("the supervisor process is gone")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ControlPlaneError(answer["error"])
        return answer

    def _close_pipes(self) -> None:
        for stream in (self._supervisor.stdin, self._supervisor.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
