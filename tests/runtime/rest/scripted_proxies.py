"""Proxies that keep what they are asked for, and refuse in the ways that a test wants."""

from __future__ import annotations

import asyncio
import socket


class Proxy:
    """Connects where CONNECT says, and forwards requests in absolute form."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.answer = b""
        """Sent instead of connecting."""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if self.answer or not head.startswith("CONNECT "):
                writer.write(self.answer or b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()
                return
            host, _, port = head.split()[1].rpartition(":")
            upstream, back = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
            await asyncio.gather(pump(reader, back), pump(upstream, writer), return_exceptions=True)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


class SocksProxy:
    """SOCKS5 with CONNECT, and with user name and password if there are any.

    See https://www.rfc-editor.org/rfc/rfc1928 and https://www.rfc-editor.org/rfc/rfc1929
    """

    def __init__(self, user: bytes = b"", password: bytes = b"") -> None:
        self.login = (user, password)
        self.targets: list[tuple[str, int]] = []
        self.reply = 0
        self.silent = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if self.silent:
            await asyncio.sleep(3600)
        wanted = 2 if self.login[0] else 0
        writer.write(bytes([5, wanted if wanted in methods else 255]))
        if wanted:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = (user, password) == self.login
            writer.write(bytes([1, 0 if good else 1]))
            if not good:
                return
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = socket.inet_ntoa(await reader.readexactly(4))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append((host, port))
        writer.write(bytes([5, self.reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        if self.reply:
            return
        upstream, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(upstream, writer), return_exceptions=True)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
