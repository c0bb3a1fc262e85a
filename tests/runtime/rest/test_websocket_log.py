"""What a WebSocket writes into the log: nothing, since it would be credentials and what users send."""

from __future__ import annotations

import logging

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._authentication import StaticAuthentication

from .scripted_server import Server, answer
from .scripted_sockets import V5, cat, socket


async def test_no_token_and_no_input_is_logged(tls_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    tls_server.answers = [socket(cat), answer(403)]
    transport = HTTPTransport(tls_server.credentials(StaticAuthentication.bearer("the-token")))
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="websockets.client"):
        try:
            opened = await transport.websocket("/x", params=[("command", "the-word")], subprotocols=[V5])
            await opened.send(b"\0the-input")
            assert await opened.receive() == b"\1the-input"
            await opened.close()
        finally:
            await transport.close()
    assert tls_server.requests
    own = [record for record in caplog.records if not record.name.startswith("aiohttp.")]  # not the server's
    assert not [record for record in own if "the-" in record.getMessage()]
    assert not [record for record in own if "websocket" in record.name]
