"""An HTTP proxy on loopback that misbehaves on request, between an operator and the API server.

It ends TLS, with a certificate of its own: it knows requests, watches and lines where a TCP proxy knows bytes only.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self, get_args
from weakref import WeakSet

import aiohttp
from aiohttp import web
from yarl import URL

from kaiwu_runtime.certificates import CertificateAuthority
from kaiwu_runtime.testing._fault_proxy._answers import Action, Refuse, Traffic
from kaiwu_runtime.testing._fault_proxy._server import Server

_SENT_ON = ("Authorization", "Content-Type", "Accept", "User-Agent")
_SENT_BACK = ("Content-Type", "Retry-After", "Warning")


@dataclass(eq=False)
class Rule:
    """An action and the requests it is for.

    Attributes:
        action: What to do.
        traffic: With which requests.
        share: With how many of them: 1 is all.
        count: With how many more; None for no end.
    """

    action: Action
    traffic: frozenset[Traffic]
    share: float = 1.0
    count: int | None = None


@dataclass(eq=False)
class _Watch:
    """A watch in progress, and how it is to end at its next event: not, by a broken connection, or as if complete."""

    cut: str = ""


class HTTPFaultProxy:
    """Passes requests on, until it is told otherwise.

    Args:
        server: The real one.
        dice: Decides which requests a share means.

    Attributes:
        hits: How many requests or connections met a fault so far.
        refused_tokens: Bearer tokens that are answered with 401.
        authority: Who signed the proxy's certificate, PEM.
    """

    def __init__(self, server: Server, dice: random.Random | None = None) -> None:
        self._server = server
        self._dice = dice or random.Random(0)  # noqa: S311 - which requests a share means
        self._web = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(self._web)
        self._site: web.TCPSite | None = None
        self._rules: list[Rule] = []
        self._watches: set[_Watch] = set()
        self._silent = False
        self._dead: WeakSet[asyncio.BaseTransport] = WeakSet()
        authority = CertificateAuthority.create("faults")
        pair = authority.server(["127.0.0.1"])
        self.authority = authority.certificate
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with tempfile.NamedTemporaryFile() as file:
            file.write(pair.certificate + pair.key)
            file.flush()
            self._tls.load_cert_chain(file.name)
        self.port = 0
        self.hits = 0
        self.refused_tokens: set[str] = set()

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The proxy's address."""
        return f"https://127.0.0.1:{self.port}"

    # Faults

    @contextmanager
    def rule(self, action: Action, *traffic: Traffic, share: float = 1.0, count: int | None = None) -> Iterator[Rule]:
        """Do something to some of the requests while the block runs; without `traffic` to all kinds of them."""
        rule = Rule(action, frozenset(traffic or get_args(Traffic)), share, count)
        self._rules.append(rule)
        try:
            yield rule
        finally:
            self._rules.remove(rule)

    def drop(self) -> None:
        """Break every connection."""
        for transport in self._transports():
            self.hits += 1
            transport.abort()

    async def refuse(self) -> None:
        """Break every connection and refuse new ones, until `listen`."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        self.drop()

    async def listen(self) -> None:
        """Let clients connect, on the port that was used before."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True, ssl_context=self._tls)
        await self._site.start()
        self.port = self._runner.addresses[-1][1]

    def cut_watches(self, *, complete: bool = False) -> None:
        """End every watch in the middle of its next line.

        Args:
            complete: End the answer as if nothing was missing; False breaks the connection.
        """
        for watch in self._watches:
            watch.cut = "complete" if complete else "broken"

    def silence(self) -> None:
        """Answer nothing on any connection, until `speak`; those that saw the silence stay half-open for ever."""
        self._silent = True
        self._dead.update(self._transports())

    def speak(self) -> None:
        """Serve new connections."""
        self._silent = False

    # Inside

    def _transports(self) -> list[asyncio.WriteTransport]:
        found = [handler.transport for handler in self._web.connections]
        return [transport for transport in found if isinstance(transport, asyncio.WriteTransport)]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:  # the client has gone meanwhile
            return web.Response()
        await self._unless_dead(transport)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.refused_tokens:
            self.hits += 1
            return await Refuse(401).answer(request, self._pass_on)
        rule = self._matching(_traffic(request))
        try:
            if rule is None:
                response = await self._pass_on(request)
            else:
                self.hits += 1
                response = await rule.action.answer(request, self._pass_on)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            transport.abort()  # as the server's own connection broke
            return web.Response(status=502)
        await self._unless_dead(transport)
        return response

    def _matching(self, traffic: Traffic) -> Rule | None:
        for rule in self._rules:
            if traffic in rule.traffic and rule.count != 0 and self._dice.random() < rule.share:
                if rule.count is not None:
                    rule.count -= 1
                return rule
        return None

    async def _unless_dead(self, transport: asyncio.BaseTransport) -> None:
        """Return, except on a half-open connection: there, be silent until the client has had enough."""
        if self._silent:
            self._dead.add(transport)
        if transport in self._dead:
            self.hits += 1
            await asyncio.Event().wait()

    async def _pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _SENT_ON if name in request.headers}
        # A client certificate would win over the token.
        tls = self._server.anonymous if "Authorization" in headers else self._server.admin
        async with self._server.session.request(
            request.method,
            URL(self._server.url + request.raw_path, encoded=True),
            data=await request.read() or None,
            headers=headers,
            ssl=tls,
        ) as answer:
            back = {name: answer.headers[name] for name in _SENT_BACK if name in answer.headers}
            if _traffic(request) != "watch" or answer.status != 200:
                return web.Response(status=answer.status, body=await answer.read(), headers=back)
            response = web.StreamResponse(headers=back)
            await response.prepare(request)
            await self._stream(request, answer, response)
            return response

    async def _stream(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> None:
        transport = request.transport
        if transport is None:
            return
        watch = _Watch()
        self._watches.add(watch)
        try:
            async for chunk in answer.content.iter_any():
                await self._unless_dead(transport)
                if watch.cut:
                    self.hits += 1
                    await response.write(chunk[: _middle_of_last_line(chunk)])
                    if watch.cut == "broken":
                        transport.abort()
                    break
                await response.write(chunk)
            await response.write_eof()
        finally:
            self._watches.discard(watch)


def _traffic(request: web.BaseRequest) -> Traffic:
    if request.method != "GET":
        return "write"
    return "watch" if request.query.get("watch") in {"1", "true"} else "read"


def _middle_of_last_line(chunk: bytes) -> int:
    start = chunk.rfind(b"\n", 0, -1) + 1
    return (start + len(chunk)) // 2
