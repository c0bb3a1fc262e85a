"""Wrappers of transports: headers, rates, measurement, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError, NotFoundError
from kaiwu_runtime.rest import RateLimitedTransport, RawTransport, Transport, TransportWrapper, request_headers
from kaiwu_runtime.rest._fenced import FencedTransport
from kaiwu_runtime.rest._forwarded import ForwardedTransport
from kaiwu_runtime.rest._measured import MeasuredTransport
from kaiwu_runtime.rest._transport import JSON
from kaiwu_runtime.rest._wrapper import layers
from kaiwu_runtime.testing import FakeTransport, virtual_time

from ..stand_in_transport import StandInTransport
from .scripted_server import Server, answer, hang_up, lines, stream
from .scripted_sockets import V5, sending, socket


class Tracing(TransportWrapper):
    """Adds a header."""

    numbers = itertools.count(1)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = JSON,
    ) -> bytes:
        with request_headers({"traceparent": f"00-{next(self.numbers):032x}-0000000000000001-01"}):
            return await super().request(
                method, path, params=params, body=body, content_type=content_type, accept=accept
            )


async def test_a_header_is_sent_with_the_request_and_its_repetitions(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer(503, Retry_After="0"), answer(), answer()]
    wrapped = Tracing(transport)
    await asyncio.gather(wrapped.request("GET", "/a"))
    await transport.request("GET", "/plain")
    await asyncio.gather(*(wrapped.request("PATCH", "/b", body=b"{}") for _ in range(5)))
    sent = [request.headers.get("traceparent") for request in server.requests]
    assert sent[0] == sent[1] is not None
    assert sent[2] is None
    assert len(set(sent[3:])) == 5


async def test_a_header_is_sent_with_a_websocket_too(server: Server, transport: HTTPTransport) -> None:
    server.answers = [socket(sending(b"a"))]
    with request_headers({"a": "1"}), request_headers({"b": "2"}):
        await transport.websocket("/x", subprotocols=[V5])
    assert (server.requests[0].headers["a"], server.requests[0].headers["b"]) == ("1", "2")


async def test_a_header_comes_along_to_another_event_loop(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer()]
    forwarded = Tracing(ForwardedTransport(transport, asyncio.get_running_loop()))
    await asyncio.to_thread(lambda: asyncio.run(forwarded.request("GET", "/a")))
    assert "traceparent" in server.requests[0].headers


@pytest.mark.parametrize(
    "name", ["", "a b", "a:", "a\r\n", "ü", "Host", "authorization", "Content-Length", "Sec-WebSocket-Key"]
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="request header"), request_headers({name: "x"}):
        pass


@given(st.text(max_size=20))
def test_a_value_is_one_line_or_refused(value: str) -> None:
    try:
        with request_headers({"x": value}):
            pass
    except ValueError:
        assert not value.isascii() or not value.isprintable()
    else:
        assert "\n" not in value
        assert "\r" not in value


def rated(inner: Transport) -> RateLimitedTransport:
    return RateLimitedTransport(inner, 1e6, 100)


@pytest.mark.parametrize("make", [TransportWrapper, FencedTransport, MeasuredTransport, rated])
async def test_a_wrapper_passes_everything_on(server: Server, transport: HTTPTransport, make: Any) -> None:
    server.answers = [
        answer(body={"a": 1}),
        stream(b"one\ntwo\n"),
        answer(418, "tea"),
        stream(b"x", b"y"),
        socket(sending(b"m")),
    ]
    wrapped: RawTransport = make(transport)
    assert list(layers(wrapped)) == [wrapped, transport]
    assert await wrapped.request("GET", "/a", params={"q": "1"}) == b'{"a": 1}'
    assert [line async for line in lines(wrapped)] == [b"one", b"two"]  # type: ignore[arg-type]
    assert (await wrapped.answer("GET", "/b", params=[("q", "1"), ("q", "2")])).status == 418
    assert [chunk async for chunk in wrapped.chunks("/c", idle_timeout=5)] in ([b"x", b"y"], [b"xy"])
    opened = await wrapped.websocket("/d", subprotocols=[V5])
    assert await opened.receive() == b"m"
    await wrapped.close()
    assert [request.path for request in server.requests] == ["/a", "/x", "/b", "/c", "/d"]


def test_the_protocol_is_what_the_wrapper_has() -> None:
    for kind in (TransportWrapper, HTTPTransport, ForwardedTransport, FakeTransport):
        for name in ("request", "stream", "answer", "chunks", "websocket", "close"):
            expected = inspect.signature(getattr(RawTransport, name)).parameters
            assert list(inspect.signature(getattr(kind, name)).parameters) == list(expected), (kind, name)


@given(st.integers(1, 20), st.integers(1, 10), st.lists(st.floats(0, 2), min_size=1, max_size=40))
def test_rates(qps: int, burst: int, pauses: list[float]) -> None:
    """No window of t seconds has more than burst + qps * t requests, and none waits without need."""
    times: list[float] = []

    async def main() -> None:
        limited = RateLimitedTransport(FakeTransport(), qps, burst)
        loop = asyncio.get_running_loop()

        async def one() -> None:
            await limited._turn()
            times.append(loop.time())

        async with asyncio.TaskGroup() as group:
            for pause in pauses:
                group.create_task(one())
                await asyncio.sleep(pause if pause > 1 else 0)

    with virtual_time() as time:
        time.run(main())
    assert times == sorted(times)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + qps * (times[last] - start) + 1e-6


class Silent(StandInTransport):
    """Answers every kind of request with nothing."""

    async def answer(self, *_: Any, **__: Any) -> Any:
        return b""

    async def stream(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        yield b""

    chunks = stream
    websocket = answer


REQUESTS: dict[str, Callable[[RawTransport], Awaitable[object]]] = {
    "request": lambda each: each.request("GET", "/x"),
    "stream": lambda each: anext(each.stream("/x", params={}, idle_timeout=1)),
    "answer": lambda each: each.answer("GET", "/x"),
    "chunks": lambda each: anext(each.chunks("/x", idle_timeout=1)),
    "websocket": lambda each: each.websocket("/x"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_way_to_send_a_request_is_limited(name: str) -> None:
    async def main() -> None:
        limited = RateLimitedTransport(Silent(), 1, 1)
        for _ in range(3):
            await REQUESTS[name](limited)

    with virtual_time() as time:
        time.run(main())
        assert time.elapsed == 2


def test_every_way_is_in_the_table() -> None:
    assert set(REQUESTS) == {name for name in vars(RawTransport) | vars(Transport) if name[0] != "_"} - {"close"}


@pytest.mark.parametrize(("qps", "burst"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_rates_that_are_refused(qps: float, burst: int) -> None:
    with pytest.raises(ConfigurationError, match="rate limit"):
        RateLimitedTransport(FakeTransport(), qps, burst)


async def test_what_is_measured(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer(), answer(201), answer(404), hang_up]
    measured = MeasuredTransport(transport)
    statuses: list[tuple[str, int]] = []
    seconds: list[float] = []
    await measured.request("GET", "/a")
    measured.on_response = lambda method, status: statuses.append((method, status))
    measured.on_duration = lambda method, duration: seconds.append(duration)
    await measured.request("POST", "/a", body=b"{}")
    with pytest.raises(NotFoundError):
        await measured.request("GET", "/a")
    with pytest.raises(APIConnectionError):
        await measured.request("POST", "/a", body=b"{}")
    assert statuses == [("POST", 201), ("GET", 404)]
    assert len(seconds) == 2
    assert all(0 < each < 5 for each in seconds)
