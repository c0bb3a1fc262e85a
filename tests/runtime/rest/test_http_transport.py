"""The transport against a server that misbehaves on purpose: what is sent again, and which error comes out."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import weakref

import pytest
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import (
    APIConnectionError,
    APIStatusError,
    BadRequestError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
)
from kaiwu_runtime.rest import _http_transport as module

from .scripted_server import APPLY, Answer, Server, answer, break_off, hang_up, say_nothing


async def test_what_is_sent(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer()]
    body = await transport.request(
        "PATCH", "/api/x", params={"labelSelector": "a in (b,c)", "q": "&="}, body=b"{}", content_type=APPLY
    )
    assert json.loads(body) == {"ok": True}
    (request,) = server.requests
    assert (request.method, request.path, dict(request.query)) == (
        "PATCH",
        "/api/x",
        {"labelSelector": "a in (b,c)", "q": "&="},
    )
    assert request.headers["Content-Type"] == APPLY
    assert request.headers["User-Agent"].startswith("kaiwu-runtime/")
    assert request.headers.getall("Impersonate-Group") == ["a", "b"]
    assert "Authorization" not in request.headers
    assert server.bodies == [b"{}"]


async def test_connections_are_kept(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer(), answer(404), answer()]
    await transport.request("GET", "/x")
    with pytest.raises(NotFoundError):
        await transport.request("GET", "/x")
    await transport.request("GET", "/x")
    assert len({request.transport for request in server.requests}) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_retry_after_is_waited_for(server: Server, transport: HTTPTransport, status: int, method: str) -> None:
    server.answers = [answer(status, Retry_After="0.2"), answer(status, Retry_After="0"), answer()]
    body = b'{"a":1}' if method == "POST" else None
    assert json.loads(await transport.request(method, "/x", body=body)) == {"ok": True}
    assert len(server.requests) == 3
    assert server.times[1] - server.times[0] >= 0.2
    assert server.bodies == [body or b""] * 3


async def test_a_server_that_refuses_for_ever(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer(429, {"message": "slow down", "reason": "TooManyRequests"}, Retry_After="0")]
    with pytest.raises(TooManyRequestsError, match=r"^slow down$") as caught:
        await transport.request("GET", "/x")
    assert (caught.value.reason, caught.value.retry_after) == ("TooManyRequests", 0.0)
    assert len(server.requests) == module.RETRIES + 1


async def test_a_wait_longer_than_the_budget_is_the_callers(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer(503, Retry_After=str(int(module.RETRY_BUDGET_SECONDS) + 1)), answer()]
    with pytest.raises(ServerError) as caught:
        await transport.request("GET", "/x")
    assert caught.value.retry_after == module.RETRY_BUDGET_SECONDS + 1
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        pytest.param(500, {}, ServerError, id="500"),
        pytest.param(503, {}, ServerError, id="503 without Retry-After"),
        pytest.param(429, {}, TooManyRequestsError, id="429 without Retry-After"),
        pytest.param(503, {"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}, ServerError, id="a date"),
        pytest.param(503, {"Retry_After": "nan"}, ServerError, id="not a number"),
        pytest.param(503, {"Retry_After": "inf"}, ServerError, id="for ever"),
        pytest.param(404, {"Retry_After": "0"}, NotFoundError, id="404 with Retry-After"),
        pytest.param(400, {}, BadRequestError, id="400"),
        pytest.param(403, {}, ForbiddenError, id="403"),
        pytest.param(410, {}, GoneError, id="410"),
        pytest.param(418, {}, APIStatusError, id="a code of its own"),
        pytest.param(422, {}, InvalidError, id="422"),
    ],
)
async def test_other_refusals_are_not_retried(
    server: Server, transport: HTTPTransport, status: int, headers: dict[str, str], kind: type[APIStatusError]
) -> None:
    server.answers = [answer(status, {"message": "no", "reason": "R", "details": {"d": 1}}, **headers), answer()]
    with pytest.raises(kind, match=r"^no$") as caught:
        await transport.request("GET", "/x")
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.reason, caught.value.details) == (status, "R", {"d": 1})
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param("<html>\n <b>Bad</b>\n gateway</html>", "GET /x: <html> <b>Bad</b> gateway</html>", id="HTML"),
        pytest.param("", "GET /x: 502", id="nothing"),
        pytest.param("[1]", "GET /x: [1]", id="another JSON"),
        pytest.param("{}", "the API server answered 502", id="an empty Status"),
        pytest.param('{"message": null, "details": "x"}', "the API server answered 502", id="odd types"),
        pytest.param("x" * 5000, "GET /x: " + "x" * 300, id="long"),
    ],
)
async def test_what_is_no_status_is_shown(server: Server, transport: HTTPTransport, body: str, message: str) -> None:
    server.answers = [answer(502, body)]
    with pytest.raises(ServerError) as caught:
        await transport.request("GET", "/x")
    assert str(caught.value) == message
    assert caught.value.details == {}


@pytest.mark.parametrize("fault", [hang_up, break_off])
@pytest.mark.parametrize(("method", "content_type"), [("GET", "application/json"), ("PATCH", APPLY)])
async def test_a_broken_connection_is_made_again_for_what_does_no_harm_twice(
    server: Server, transport: HTTPTransport, fault: Answer, method: str, content_type: str
) -> None:
    server.answers = [fault, fault, answer()]
    await transport.request(method, "/x", body=b"{}" if method == "PATCH" else None, content_type=content_type)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("method", "content_type"),
    [("POST", "application/json"), ("DELETE", "application/json"), ("PATCH", "application/json-patch+json")],
)
@pytest.mark.parametrize("fault", [hang_up, break_off])
async def test_other_writes_are_sent_once(
    server: Server, transport: HTTPTransport, fault: Answer, method: str, content_type: str
) -> None:
    server.answers = [fault, answer()]
    with pytest.raises(APIConnectionError, match=f"^{method} .*/x: [^\n]+$"):
        await transport.request(method, "/x", body=b"{}", content_type=content_type)
    assert len(server.requests) == 1


async def test_a_server_that_always_hangs_up(server: Server, transport: HTTPTransport) -> None:
    server.answers = [hang_up]
    with pytest.raises(APIConnectionError, match=f"^GET {server.url}/x: the server closed the connection$"):
        await transport.request("GET", "/x")
    assert len(server.requests) == module.RECONNECTS + 1


async def test_a_server_that_says_nothing(server: Server) -> None:
    server.answers = [say_nothing]
    transport = HTTPTransport(Credentials(server.url), request_timeout=0.2)
    try:
        with pytest.raises(APIConnectionError, match=r"/x: timed out$"):
            await transport.request("GET", "/x")
        assert len(server.requests) == 1
    finally:
        await transport.close()


async def test_connections_that_are_half_open_cost_one_timeout_together(server: Server) -> None:
    dead: set[object] = set()

    async def silent_on_old_connections(request: web.Request) -> web.StreamResponse:
        if request.transport in dead:
            return await say_nothing(request)
        if not dead:
            await asyncio.sleep(0.05)  # so that every request needs a connection of its own
        return await answer()(request)

    server.answers = [silent_on_old_connections]
    transport = HTTPTransport(Credentials(server.url), request_timeout=0.5)
    try:
        await asyncio.gather(*(transport.request("GET", "/x") for _ in range(4)))
        dead.update(request.transport for request in server.requests)
        with pytest.raises(APIConnectionError, match=r"/x: timed out$"):
            await transport.request("GET", "/x")
        await transport.request("GET", "/x")
        assert len(server.requests) == 6
    finally:
        await transport.close()


async def refusal(transport: HTTPTransport) -> weakref.ref[BaseException]:
    try:
        await transport.request("POST", "/x", body=b"{}")
    except (APIStatusError, APIConnectionError) as error:
        return weakref.ref(error)
    pytest.fail("it was not refused")


@pytest.mark.parametrize("refused", [answer(500), answer(409), hang_up], ids=["500", "409", "broken"])
async def test_a_failure_is_freed_without_the_garbage_collector(
    server: Server, transport: HTTPTransport, refused: Answer
) -> None:
    server.answers = [refused]
    gc.disable()
    try:
        reference = await refusal(transport)
        await asyncio.sleep(0)
        assert reference() is None
    finally:
        gc.enable()


async def test_redirects_are_not_followed(server: Server, transport: HTTPTransport) -> None:
    """Credentials would go where a proxy says."""
    server.answers = [answer(302, "", Location=f"{server.url}/elsewhere"), answer()]
    with pytest.raises(APIStatusError) as caught:
        await transport.request("GET", "/x")
    assert caught.value.code == 302
    assert len(server.requests) == 1


async def test_warnings_are_logged_once(
    server: Server, transport: HTTPTransport, caplog: pytest.LogCaptureFixture
) -> None:
    deprecated = '299 - "v1beta1 Boat is deprecated; use v1"'
    server.answers = [answer(Warning=deprecated), answer(Warning=deprecated), answer(403, Warning='299 - "another"')]
    with caplog.at_level(logging.WARNING, logger=module.logger.name):
        await transport.request("GET", "/x")
        await transport.request("GET", "/x")
        with pytest.raises(ForbiddenError):
            await transport.request("GET", "/x")
    assert [record.getMessage() for record in caplog.records] == [
        "The API server warns: v1beta1 Boat is deprecated; use v1",
        "The API server warns: another",
    ]
