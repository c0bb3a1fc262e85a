"""Commands in containers: the channels of one WebSocket.

Each message begins with the number of its channel: 0 to 2 are standard input, output and error, 3 brings the result as
a Status, 255 closes the channel whose number follows.

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-connect-exec-requests-of-pod
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from kaiwu_runtime._status import error_from_status
from kaiwu_runtime._status_response import causes_in
from kaiwu_runtime.errors import (
    APIConnectionError,
    APIError,
    CommandError,
    ExecInterruptedError,
    ExecTimeoutError,
)
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.rest._raw_transport import RawTransport, Socket

SUBPROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
"""Version 4, of API servers before Kubernetes 1.30, cannot close standard input."""

OUTPUT_BYTES = 64 << 20
"""How much a command may write: its output is kept in memory."""

RESULT_BYTES = 1 << 20
"""How long the result may be beside the output."""

RESULT_SECONDS = 5.0
"""How long more is waited for once there is a result: the end of the connection may never come."""

CHUNK = 32 << 10
"""Bytes of standard input in one message."""

Stdin = bytes | str | AsyncIterable[bytes]

_STDIN, _STDOUT, _STDERR, _RESULT, _CLOSE = 0, 1, 2, 3, 255
_status = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command in a container has written, and how it ended.

    Attributes:
        exit_code: 0 for success; 128 + n for a command that signal n ended, as the shell and the container's runtime
            have it.
        stdout: Standard output.
        stderr: Standard error.
        command: The command.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    command: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")

    def check(self) -> Self:
        """Return the result itself.

        Raises:
            CommandError: The exit code is not 0.
        """
        if self.exit_code:
            raise CommandError(self.command, self.exit_code, self.stdout, self.stderr)
        return self


def exec_query(command: Sequence[str], container: str, *, stdin: bool) -> list[tuple[str, str]]:
    """Return the query of a command.

    Raises:
        TypeError: The command is not a list of strings.
        ValueError: It is empty, or has a NUL.
    """
    if isinstance(command, str | bytes) or not all(isinstance(word, str) for word in command):
        raise TypeError(
            f"exec: the command must be a list of strings, not {command!r:.80}: no shell splits it; "
            'for one use ["sh", "-c", ...]'
        )
    if not command or not command[0]:
        raise ValueError("exec: the command is empty")
    if any("\0" in word for word in command):
        raise ValueError("exec: a word of the command has a NUL character, which no argument of a program can hold")
    query = [("command", word) for word in command]
    query += [("container", container)] if container else []
    return [*query, *([("stdin", "true")] if stdin else []), ("stdout", "true"), ("stderr", "true")]


async def run_command(
    transport: RawTransport,
    path: str,
    command: Sequence[str],
    *,
    container: str,
    stdin: Stdin | None,
    seconds: float | None,
    limit: int,
    what: str,
) -> ExecResult:
    """Run a command and return its result; see `Client.exec`.

    Args:
        transport: Opens the WebSocket.
        path: The path of the subresource.
        command: The program and its arguments.
        container: Name of the container; empty for the pod's default one.
        stdin: What to write to its standard input; None closes it at once.
        seconds: How long it may take; None for ever.
        limit: Maximum bytes of output.
        what: Names the pod in errors.
    """
    query = exec_query(command, container, stdin=stdin is not None)
    run = _Run(tuple(command), what, limit)
    limit_of_time = asyncio.timeout(seconds)
    try:
        async with limit_of_time:
            socket = await transport.websocket(path, params=query, subprotocols=SUBPROTOCOLS)
            try:
                return await run.until_end(socket, stdin)
            finally:
                await socket.close()
    except TimeoutError as error:
        if seconds is None or not limit_of_time.expired():
            raise  # of the standard input
        raise ExecTimeoutError(
            f"{what}: the command has not ended within {seconds:g} s; it may go on in the container", *run.written
        ) from error


class _Run:
    """One command: what it has written so far."""

    def __init__(self, command: tuple[str, ...], what: str, limit: int) -> None:
        self._command = command
        self._what = what
        self._limit = limit
        self._output = {_STDOUT: bytearray(), _STDERR: bytearray(), _RESULT: bytearray()}
        self._size = 0

    @property
    def written(self) -> tuple[bytes, bytes]:
        """Standard output and standard error."""
        return bytes(self._output[_STDOUT]), bytes(self._output[_STDERR])

    async def until_end(self, socket: Socket, stdin: Stdin | None) -> ExecResult:
        """Return the result of the command on a WebSocket."""
        if socket.subprotocol not in SUBPROTOCOLS:
            raise APIConnectionError(
                f"{self._what}: the server offers none of {', '.join(SUBPROTOCOLS)}; Kubernetes 1.29 or newer is needed"
            )
        if stdin is not None and socket.subprotocol != SUBPROTOCOLS[0]:
            raise APIConnectionError(f"{self._what}: stdin needs {SUBPROTOCOLS[0]}, which Kubernetes has since 1.30")
        reading = asyncio.ensure_future(self._read(socket))
        writing = asyncio.ensure_future(_write(socket, stdin)) if stdin is not None else None
        try:
            if writing is not None:
                await asyncio.wait([reading, writing], return_when=asyncio.FIRST_COMPLETED)
                if writing.done():
                    writing.result()  # an error of what the caller gave ends the command
            await reading
        finally:
            tasks = [task for task in (reading, writing) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._result()

    async def _read(self, socket: Socket) -> None:
        try:
            while (message := await self._receive(socket)) is not None:
                if message:
                    self._keep(message[0], message[1:])
        except ExecInterruptedError:
            raise
        except APIError as error:
            # Once there is a result nothing is missing: servers differ in how they end the connection.
            if not self._output[_RESULT]:
                raise ExecInterruptedError(
                    f"{self._what}: the connection ended before the command did: {error}", *self.written
                ) from error

    async def _receive(self, socket: Socket) -> bytes | None:
        if not self._output[_RESULT]:
            return await socket.receive()
        with suppress(TimeoutError):
            async with asyncio.timeout(RESULT_SECONDS):
                return await socket.receive()
        return None

    def _keep(self, channel: int, data: bytes) -> None:
        if not data or channel not in self._output:
            return
        self._output[channel] += data
        self._size += len(data)
        if self._size > self._limit + (RESULT_BYTES if channel == _RESULT else 0):
            raise ExecInterruptedError(
                f"{self._what}: the command wrote more than {self._limit} bytes: write less, or raise output_limit",
                *self.written,
            )

    def _result(self) -> ExecResult:
        try:
            status = _status.decode(bytes(self._output[_RESULT]))
        except UNREADABLE as error:
            raise ExecInterruptedError(
                f"{self._what}: the connection ended before the command did: the pod may be gone", *self.written
            ) from error
        code = _exit_code(status)
        if code is None:
            refused = error_from_status(status, code=_int(status.get("code")) or 500)
            raise refused
        return ExecResult(code, *self.written, self._command)


def _exit_code(status: dict[str, Any]) -> int | None:
    """Return the exit code that a result tells, or None when the command could not be run."""
    if status.get("status") == "Success":
        return 0
    if status.get("reason") != "NonZeroExitCode":
        return None
    for cause in causes_in(status.get("details")):
        if cause.get("reason") == "ExitCode":
            return _int(cause.get("message"))
    return None


def _int(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


async def _write(socket: Socket, stdin: Stdin) -> None:
    """Send standard input, and close it."""
    if isinstance(stdin, str | bytes):
        if not await _sent(socket, memoryview(stdin.encode() if isinstance(stdin, str) else stdin)):
            return
    else:
        async for part in stdin:
            if not await _sent(socket, part):
                return
    with suppress(APIError):
        await socket.send(bytes((_CLOSE, _STDIN)))


async def _sent(socket: Socket, part: bytes | memoryview) -> bool:
    """Send a part of standard input; return whether there is a connection: a command may end before it has read all."""
    with suppress(APIError):
        for start in range(0, len(part), CHUNK):
            await socket.send(b"\0" + part[start : start + CHUNK])
        return True
    return False
