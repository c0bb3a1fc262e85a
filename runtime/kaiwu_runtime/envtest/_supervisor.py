"""The small process between a test and its control plane, which ends the second when the first is gone.

Run as a script (``python -I -S supervisor.py DIRECTORY``), standard library only, so that it starts in
milliseconds. It is the parent of etcd, kube-apiserver and kube-controller-manager and holds the read end of
a pipe whose write end belongs to the test process. End of file on that pipe means the test process is gone,
whatever killed it: the supervisor then kills its children, removes DIRECTORY and exits. This needs no signal
from the kernel, so it holds on macOS as well as on Linux. It leads a session of its own, so Ctrl-C in a
terminal reaches only the test process.

Requests are JSON objects, one a line, each answered by one line:

    {"op": "start", "name", "argv", "log"}     -> {"pid"}
    {"op": "status"}                           -> {"exited": {name: exit status}}
    {"op": "stop", "name", "signal", "grace"}  -> {"status"}    SIGKILL after `grace` seconds
    {"op": "signal", "name", "signal"}         -> {}            SIGSTOP: when every thread has stopped
    {"op": "detach"}                           -> {}            outlive the caller; a child's exit ends all
    {"op": "end"}                              -> {}            then exits
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LOCK_NAME = "supervisor.lock"
_GRACE = 5.0
_POLL = 1.0
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Ask Linux to kill this child when the supervisor is killed; other systems offer no such thing."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - 10 ms, and only needed between fork and exec

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Supervisor:
    """Starts, signals and reaps the processes of one control plane.

    Args:
        directory: Removed when the supervisor ends, together with everything in it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._parent = os.getppid()
        self._detached = False
        self._terminated = False
        self._wakeup, outbox = os.pipe()
        os.set_blocking(outbox, False)
        signal.set_wakeup_fd(outbox, warn_on_full_buffer=False)

    def terminate(self, _number: int, _frame: object) -> None:
        """Let `serve` return soon: a signal's handler.

        It raises nothing: Python drops what is raised in a callback of its own, and the start of a child must not end
        before the child is known.
        """
        self._terminated = True
        # Otherwise a request to stop one might wait for it.
        for child in self._children.values():
            child.kill()

    def serve(self) -> None:
        """Answer requests until the caller is gone, asks for the end, a signal comes, or (detached) a child exits."""
        pending = b""
        while not self._terminated:
            sources = [self._wakeup] if self._detached else [self._wakeup, 0]
            ready, _, _ = select.select(sources, [], [], _POLL)
            if self._wakeup in ready:
                os.read(self._wakeup, 64)  # its byte may be of a signal to a child that has not called exec yet
                continue
            if self._detached:
                if any(child.poll() is not None for child in self._children.values()):
                    self._keep_logs()
                    return
                continue
            if not ready:
                # A fork of the caller may hold the pipe open after the caller itself is gone.
                if os.getppid() != self._parent:
                    return
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                request = json.loads(line)
                try:
                    answer = self._answer(request)
                except (OSError, KeyError, ValueError) as error:
                    answer = {"error": str(error)}
                with contextlib.suppress(BrokenPipeError):
                    os.write(1, json.dumps(answer).encode() + b"\n")
                if request.get("op") == "end":
                    return
            if self._detached:
                self._let_go()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request.get("op")
        if operation == "start":
            return {"pid": self._start(request["name"], request["argv"], request["log"])}
        if operation == "status":
            states = {name: child.poll() for name, child in self._children.items()}
            return {"exited": {name: status for name, status in states.items() if status is not None}}
        if operation == "stop":
            return {"status": self._stop(self._child(request["name"]), request["signal"], request["grace"])}
        if operation == "signal":
            self._signal(self._child(request["name"]), request["signal"])
        elif operation == "detach":
            self._detached = True
        elif operation == "end":
            self._end_children()
        return {}

    def _child(self, name: str) -> subprocess.Popen[bytes]:
        if name not in self._children:
            raise ValueError(f"no program {name!r} was started, only {', '.join(sorted(self._children)) or 'none'}")
        return self._children[name]

    def _start(self, name: str, argv: list[str], log: str) -> int:
        running = self._children.get(name)
        if running is not None and running.poll() is None:
            raise ValueError(f"{name} runs already")
        with Path(log).open("ab") as stream:
            # The environment is cut down on purpose: proxy variables and ETCD_* of the user must not reach
            # the children.
            self._children[name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=self._directory,
                env={"PATH": os.defpath, "HOME": str(self._directory), "TMPDIR": str(self._directory)},
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
            )
        return self._children[name].pid

    @staticmethod
    def _signal(child: subprocess.Popen[bytes], number: int) -> None:
        child.send_signal(number)
        # The kernel stops the threads of a busy machine one by one: until the last, requests are answered.
        if number == signal.SIGSTOP and child.poll() is None and hasattr(os, "waitid"):
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    @staticmethod
    def _stop(child: subprocess.Popen[bytes], number: int, grace: float) -> int:
        if child.poll() is None:
            child.send_signal(number)
            child.send_signal(signal.SIGCONT)
            try:
                child.wait(grace)
            except subprocess.TimeoutExpired:
                child.kill()
        return child.wait()

    def _end_children(self) -> None:
        # A clean shutdown is not needed: the data are removed anyway.
        for child in self._children.values():
            if child.poll() is None:
                child.kill()
        for child in self._children.values():
            child.wait()

    def end(self) -> None:
        """Kill what runs and remove the directory."""
        self._end_children()
        deadline = time.monotonic() + _GRACE
        while self._directory.exists() and time.monotonic() < deadline:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _keep_logs(self) -> None:
        """Save the logs before the directory is removed: they say why the program exited."""
        kept = self._directory.with_name(self._directory.name + ".logs")
        with contextlib.suppress(OSError):
            shutil.rmtree(kept, ignore_errors=True)
            (self._directory / "logs").rename(kept)

    @staticmethod
    def _let_go() -> None:
        """Close the caller's pipes, so that a shell that waits for their end continues."""
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.close(null)


def main(directory: Path) -> None:
    """Serve one caller; `directory` holds a lock file that stays locked for as long as this process lives."""
    # Logs and data of a control plane are for its owner only, whatever the caller's umask is.
    os.umask(0o077)
    lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, str(os.getpid()).encode())
    supervisor = Supervisor(directory)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, supervisor.terminate)
    try:
        supervisor.serve()
    finally:
        supervisor.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
