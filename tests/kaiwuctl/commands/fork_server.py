"""Processes that have imported the libraries of the command line already.

Half of the time of a command goes into the import of typer, jinja2, ruamel.yaml and copier, and tests run some thousand
of them. So a server imports the libraries, and forks for each command. Modules of kaiwuctl are imported by the command
as ever; its working directory, standard streams and exit status are its own.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECONDS = 120.0
"""Seconds that a command may take."""

LIBRARIES = ("copier", "jinja2", "rich.console", "ruamel.yaml", "typer", "yaml")
STATUS_BYTES = 4


class ForkServer:
    """A server for commands that are run one after the other, in the environment that it is started in."""

    def __init__(self) -> None:
        self._environment = _environment()
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(SECONDS)
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self.close)

    @property
    def fits(self) -> bool:
        """Whether it still runs, and the environment is the one that it was started in."""
        return self._process.poll() is None and _environment() == self._environment

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the command line without a terminal and return what it said.

        Args:
            arguments: Without the name of the program.
            folder: The working directory.

        Raises:
            OSError: The server has ended, or the command took longer than 120 s.
        """
        with _file() as request, _file() as out, _file() as errors:
            json.dump({"arguments": arguments, "folder": str(folder)}, request)
            request.flush()
            try:
                socket.send_fds(self._socket, [b"\0"], [file.fileno() for file in (request, out, errors)])
                status = self._socket.recv(STATUS_BYTES, socket.MSG_WAITALL)
            except BaseException:
                self.close()  # its answer would be that to the next request
                raise
            if len(status) < STATUS_BYTES:
                raise ConnectionResetError("the fork server has ended")
            code = int.from_bytes(status, "big", signed=True)
            return subprocess.CompletedProcess(["kaiwuctl", *arguments], code, _all(out), _all(errors))

    def close(self) -> None:
        """End the server."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _all(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def serve(server: socket.socket) -> list[str]:
    """Fork for each request, and return its arguments in the new process.

    Raises:
        SystemExit: The tests have ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, and for the command
    while True:
        message, descriptors, _, _ = socket.recv_fds(server, 1, 3)
        if not message:
            sys.exit()
        child = os.fork()
        if child == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        server.sendall(status.to_bytes(STATUS_BYTES, "big", signed=True))
    server.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    with os.fdopen(os.dup(0), encoding="utf-8") as file:
        file.seek(0)
        request = json.load(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["folder"])
    arguments: list[str] = request["arguments"]
    return arguments


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()  # or each command would touch, and so copy, all of it
    # What `python -m kaiwuctl` has.
    sys.argv[1:] = serve(socket.socket(fileno=int(sys.argv[1])))
    sys.path[0] = os.getcwd()  # noqa: PTH109
    runpy.run_module("kaiwuctl", run_name="__main__", alter_sys=True)
