"""A TCP proxy on loopback that misbehaves on request, between a client and the API server."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class FaultProxy:
    """Passes bytes on, until it is told otherwise.

    Args:
        port: The real server's port on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self.refusing = False
        self.cut_after: int | None = None
        """Abort a connection after so many more bytes from the server: in the middle of a line."""
        self.connections = 0

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._open.set()
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self) -> None:
        """Abort every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def cut_off(self) -> None:
        """Abort every connection and refuse new ones; may be called from another thread."""
        self.refusing = True
        assert self._server is not None
        self._server.get_loop().call_soon_threadsafe(self.drop)

    def stall(self) -> None:
        """Keep connections open and pass nothing on: a half-open connection."""
        self._open.clear()

    def resume(self) -> None:
        """Pass bytes on again."""
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        self.connections += 1
        try:
            upstream, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(upstream, writer, from_server=True))
        finally:
            for end in (writer, back):
                self._writers.discard(end)
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool = False
    ) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                if from_server and self.cut_after is not None:
                    self.cut_after -= len(data)
                    if self.cut_after < 0:
                        self.cut_after = None
                        writer.write(data[: len(data) // 2])
                        await writer.drain()
                        break
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
