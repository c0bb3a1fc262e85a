"""What an error tells of a request that may have taken effect all the same."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError, APIError

from .scripted_server import APPLY, Answer, Server, answer, break_off, hang_up, say_nothing

BUSY = answer(503, Retry_After="0")
CONFLICT = answer(409)


@pytest.mark.parametrize("content_type", [APPLY, "application/json"])
@pytest.mark.parametrize(
    ("answers", "in_doubt"),
    [
        pytest.param([CONFLICT], False, id="conflict"),
        pytest.param([answer(403)], False, id="forbidden"),
        pytest.param([answer(422)], False, id="invalid"),
        pytest.param([answer(429)], False, id="too many"),
        pytest.param([answer(429, Retry_After="0"), CONFLICT], False, id="too many, conflict"),
        pytest.param([answer(500)], True, id="failure"),
        pytest.param([answer(504)], True, id="time-out of the server"),
        pytest.param([hang_up], True, id="hung up"),
        pytest.param([break_off], True, id="broken off"),
        pytest.param([say_nothing], True, id="silence"),
        pytest.param([hang_up, CONFLICT], True, id="hung up, conflict"),
        pytest.param([break_off, answer(401)], True, id="broken off, unauthorized"),
        pytest.param([BUSY, CONFLICT], True, id="busy, conflict"),
    ],
)
async def test_an_earlier_attempt_counts(
    server: Server, answers: Sequence[Answer], in_doubt: bool, content_type: str
) -> None:
    server.answers = [*answers]
    transport = HTTPTransport(Credentials(server.url), request_timeout=0.2)
    with pytest.raises(APIError) as failed:
        await transport.request("PATCH", "/x", body=b"{}", content_type=content_type)
    await transport.close()
    assert failed.value.in_doubt is in_doubt


async def test_what_was_never_sent_is_not_in_doubt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = HTTPTransport(Credentials(f"http://127.0.0.1:{port}"))
    with pytest.raises(APIConnectionError) as refused:
        await transport.request("PATCH", "/x", body=b"{}", content_type=APPLY)
    await transport.close()
    assert refused.value.in_doubt is False


async def cancelled(transport: HTTPTransport) -> object:
    """Return what a cancelled write tells."""
    writing = asyncio.create_task(transport.request("PATCH", "/x", body=b"{}", content_type=APPLY))
    await asyncio.sleep(0.1)
    writing.cancel()
    try:
        await writing
    except asyncio.CancelledError as error:
        return getattr(error, "in_doubt", None)
    return None


@pytest.mark.parametrize(
    ("answers", "in_doubt"),
    [
        pytest.param([say_nothing], True, id="sent"),
        pytest.param([answer(429, Retry_After="5")], False, id="too many"),
        pytest.param([answer(503, Retry_After="5")], True, id="failure"),
        pytest.param([hang_up, answer(429, Retry_After="5")], True, id="hung up, too many"),
    ],
)
async def test_a_cancelled_write(server: Server, answers: Sequence[Answer], in_doubt: bool) -> None:
    server.answers = [*answers]
    transport = HTTPTransport(Credentials(server.url))
    assert await cancelled(transport) is in_doubt
    await transport.close()


async def test_a_write_that_is_cancelled_while_it_waits_for_its_turn(server: Server) -> None:
    server.answers = [say_nothing]
    transport = HTTPTransport(Credentials(server.url), limit=1)
    first = asyncio.create_task(transport.request("GET", "/x"))
    await asyncio.sleep(0.05)
    assert await cancelled(transport) is False
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await transport.close()


async def test_a_write_that_is_cancelled_while_it_connects() -> None:
    """The listener accepts and never begins with TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = HTTPTransport(Credentials(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        assert await cancelled(transport) is False
        await transport.close()
