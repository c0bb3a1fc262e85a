"""Watches that middle boxes cut or silence: resumed at once, for ever, without an event lost or a busy loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.api import identify
from kaiwu_runtime.cache import CacheOptions
from kaiwu_runtime.cache import _reflector as module
from kaiwu_runtime.cache._reflector import Reflector
from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError, KaiwuError, WatchInterruptedError

from .scripted import Recorder, ScriptedTransport, event, item, page

Cut = Callable[[asyncio.StreamWriter], None]


def fin(writer: asyncio.StreamWriter) -> None:
    writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def end_of_answer(writer: asyncio.StreamWriter) -> None:
    writer.write(b"0\r\n\r\n")


def middle_of_a_chunk(writer: asyncio.StreamWriter) -> None:
    writer.write(b'ff\r\n{"type":"ADDED","obj')
    writer.close()


def middle_of_a_line(writer: asyncio.StreamWriter) -> None:
    """As a proxy that takes chunks apart and ends its own answer properly."""
    line = event("ADDED", item("half", "999"))[:30]
    writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line))


def no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"zz\r\n")


CUTS: list[Cut] = [fin, reset, end_of_answer, middle_of_a_chunk, middle_of_a_line, no_http]


class Balancer:
    """An API server behind something that cuts each watch some seconds after its last byte."""

    def __init__(self, cut: Cut, idle: float) -> None:
        self.cut, self.idle = cut, idle
        self.versions: list[str] = []
        self.lines: dict[int, list[bytes]] = {}
        """By the number of the watch: what it sends before it falls idle."""
        self._changed = asyncio.Event()

    async def watched(self, count: int) -> None:
        """Return when there have been so many watches."""
        async with asyncio.timeout(20):
            while len(self.versions) < count:
                self._changed.clear()
                await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if "watch=1" not in head:
                    body = page("5")
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    continue
                self.versions.append(head.partition("resourceVersion=")[2].partition(" ")[0].partition("&")[0])
                self._changed.set()
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for line in self.lines.get(len(self.versions), []):
                    writer.write(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
                await asyncio.sleep(self.idle)
                self.cut(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def reflecting(balancer: Balancer) -> AsyncIterator[tuple[Reflector, Recorder]]:
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = HTTPTransport(Credentials(f"http://127.0.0.1:{port}"))
    sink = Recorder()
    reflector = Reflector(transport, identify(ConfigMap), sink)
    running = asyncio.create_task(reflector.run())
    try:
        yield reflector, sink
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await transport.close()
        server.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why the reflector waited, and not how long: that would be a test of the machine."""
    found: list[str] = []

    async def counted(_: Reflector, error: KaiwuError) -> None:
        found.append(str(error))
        await asyncio.sleep(0)

    monkeypatch.setattr(Reflector, "_back_off", counted)
    return found


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
async def test_a_watch_that_lived_is_resumed_at_once_for_ever(
    cut: Cut, monkeypatch: pytest.MonkeyPatch, pauses: list[str]
) -> None:
    monkeypatch.setattr(module, "SHORT_WATCH_SECONDS", 0.05)
    balancer = Balancer(cut, idle=0.06)
    balancer.lines = {6: [event("ADDED", item("late", "17"))]}
    async with reflecting(balancer) as (reflector, sink):
        await balancer.watched(8)
        assert reflector.last_error is None
    assert pauses == []
    assert sink.calls == [("replace", []), ("put", "late")]
    assert balancer.versions[:8] == ["5"] * 6 + ["17"] * 2


async def test_a_watch_that_falls_silent_is_resumed_at_once(monkeypatch: pytest.MonkeyPatch, pauses: list[str]) -> None:
    monkeypatch.setattr(module, "SHORT_WATCH_SECONDS", 0.1)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)
    balancer = Balancer(fin, idle=3600)
    async with reflecting(balancer):
        await balancer.watched(5)
    assert pauses == []


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
async def test_a_watch_that_is_cut_at_once_is_not_resumed_without_a_pause(
    cut: Cut, monkeypatch: pytest.MonkeyPatch, pauses: list[str]
) -> None:
    monkeypatch.setattr(module, "SHORT_WATCH_SECONDS", 60.0)
    balancer = Balancer(cut, idle=0.0)
    async with reflecting(balancer):
        await balancer.watched(4)
    assert len(pauses) >= 3


def test_the_shortest_idle_limit_of_load_balancers_counts_as_lived() -> None:
    """One second; a watch's life is measured from before its request, so it is never shorter than that."""
    assert module.SHORT_WATCH_SECONDS < 1.0


def test_two_bookmarks_are_missed_before_a_silent_watch_is_given_up() -> None:
    assert 2 * 60 < module.IDLE_SECONDS <= 150


FAILURES = st.sampled_from([None, WatchInterruptedError("reset"), APIConnectionError("refused")])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), FAILURES), max_size=8))
async def test_no_event_is_lost_or_seen_twice(watches: list[tuple[int, KaiwuError | None]]) -> None:
    """Whatever ends the watches, each begins at the version that the one before had reached."""
    script: list[list[bytes | Exception]] = []
    names: list[str] = []
    for count, failure in watches:
        lines: list[bytes | Exception] = []
        for _ in range(count):
            names.append(f"n{len(names)}")
            lines.append(event("ADDED", item(names[-1], str(10 + len(names)))))
        script.append([*lines, failure] if failure is not None else lines)
    transport, sink = ScriptedTransport([page("10")], script), Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST_BACKOFF_SECONDS", 0.0001)
        patch.setattr(module, "MAX_BACKOFF_SECONDS", 0.001)
        running = asyncio.create_task(Reflector(transport, identify(ConfigMap), sink).run())
        async with asyncio.timeout(10):
            await transport.done.wait()
        running.cancel()
    assert sink.calls == [("replace", []), *(("put", name) for name in names)]
    assert transport.requests[-1]["resourceVersion"] == str(10 + len(names))


async def test_half_a_streaming_list_that_is_always_cut_is_not_asked_for_without_a_pause(
    monkeypatch: pytest.MonkeyPatch, pauses: list[str]
) -> None:
    monkeypatch.setattr(module, "SHORT_WATCH_SECONDS", 0.0)
    half: list[bytes | Exception] = [event("ADDED", item("a", "1")), WatchInterruptedError("reset")]
    transport = ScriptedTransport([], [half, half, half])
    reflector = Reflector(transport, identify(ConfigMap), Recorder(), options=CacheOptions(streaming_list=True))
    running = asyncio.create_task(reflector.run())
    async with asyncio.timeout(10):
        await transport.done.wait()
    running.cancel()
    assert pauses == ["reset"] * 3
