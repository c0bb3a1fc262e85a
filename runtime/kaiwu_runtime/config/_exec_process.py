"""The process of an exec plugin: its output, its time limit, and the messages that the user sees.

Standard error goes to the terminal if there is one, as with kubectl, so that instructions such as "open this page and
enter the code" are shown while the plugin waits. Without a terminal each line is logged.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from kaiwu_runtime._redaction import redact
from kaiwu_runtime.errors import CredentialsError

logger = logging.getLogger("kaiwu_runtime.config.exec_process")

OUTPUT_LIMIT = 1 << 20
"""Maximum bytes of standard output; an ExecCredential has a few kilobytes."""

COMPLAINT_LENGTH = 500
"""Characters of standard error that an error message shows."""

LOGGED_LINES = 50
"""Maximum lines of standard error that are logged for one run."""

_CHUNK = 4096
_CLOSING_SECONDS = 1.0
"""Seconds that the pipes may stay open after the plugin has ended: a daemon that it started may never close them."""


class PluginResult(NamedTuple):
    """The result of a plugin.

    Attributes:
        status: Exit status.
        output: Standard output.
        complaint: The end of standard error in one line; None when it went to the terminal.
    """

    status: int
    output: bytes
    complaint: str | None


async def run_plugin(
    command: Sequence[str], env: Mapping[str, str], *, interactive: bool, seconds: float
) -> PluginResult:
    """Run a plugin to its end.

    Args:
        command: Path and arguments.
        env: Its whole environment.
        interactive: Whether it may read from the terminal.
        seconds: How long it may take.

    Raises:
        CredentialsError: It cannot be started, takes too long or prints too much.
    """
    name = command[0]
    inherited = interactive or _is_terminal(2)
    try:
        async with asyncio.timeout(seconds), _pipe() as (output, stdout), _pipe() as (complaint, stderr):
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=None if interactive else asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=None if inherited else stderr,
                env=dict(env),
            )
            stdout.close()
            stderr.close()
            result = await _follow(name, process, output, complaint)
            return result._replace(complaint=None) if inherited else result
    except TimeoutError as error:
        raise CredentialsError(f"exec plugin {name}: no answer within {seconds:g} s") from error
    except OSError as error:
        raise CredentialsError(f"exec plugin {name}: {error.strerror or error}") from error


async def _follow(
    name: str, process: asyncio.subprocess.Process, output: asyncio.StreamReader, complaint: asyncio.StreamReader
) -> PluginResult:
    printed, tail = bytearray(), bytearray()
    reading = asyncio.gather(_collect(name, output, printed), _log(name, complaint, tail))
    ending = asyncio.create_task(process.wait())
    try:
        both: set[asyncio.Future[Any]] = {reading, ending}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await asyncio.wait({reading}, timeout=_CLOSING_SECONDS)
        if reading.done():
            await reading  # which may have failed
        return PluginResult(await ending, bytes(printed), _one_line(tail)[-COMPLAINT_LENGTH:])
    finally:
        reading.cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.wait({ending}, timeout=_CLOSING_SECONDS)
        ending.cancel()
        await asyncio.gather(reading, ending, return_exceptions=True)


async def _collect(name: str, reader: asyncio.StreamReader, printed: bytearray) -> None:
    while chunk := await reader.read(_CHUNK):
        printed += chunk
        if len(printed) > OUTPUT_LIMIT:
            raise CredentialsError(f"exec plugin {name}: printed more than {OUTPUT_LIMIT} bytes")


async def _log(name: str, reader: asyncio.StreamReader, tail: bytearray) -> None:
    """Log each line when it comes, and keep the last few bytes for the error message."""
    logged = 0
    line = b""
    while chunk := await reader.read(_CHUNK):
        tail += chunk
        del tail[:-_CHUNK]
        *whole, line = (line + chunk)[-2 * _CHUNK :].split(b"\n")
        for text in filter(None, map(_one_line, whole)):
            logged += 1
            if logged <= LOGGED_LINES:
                logger.info("The exec plugin says: %s", text, extra={"plugin": name})


def _one_line(text: bytes | bytearray) -> str:
    return redact(" ".join(text.decode(errors="replace").split()))


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:  # closed
        return False


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, io.FileIO]]:
    """Open a pipe: a reader, and the end that the plugin writes to.

    Not asyncio's own, which it closes only when the last process that has the other end is gone.
    """
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as writer:  # noqa: ASYNC230, PTH123 - a descriptor, not a path
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader),
            open(reading, "rb", buffering=0),  # noqa: ASYNC230, PTH123, SIM115 - closed by its transport
        )
        try:
            yield reader, writer
        finally:
            transport.close()
