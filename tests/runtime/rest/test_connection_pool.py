"""Connections that are made while the certificates change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kaiwu_runtime.config._route import Route
from kaiwu_runtime.config._tls import make_context
from kaiwu_runtime.rest._connection import Connection
from kaiwu_runtime.rest._connection_pool import ConnectionPool

from .scripted_server import Server

WAYS: dict[str, Callable[[ConnectionPool], Awaitable[Connection]]] = {
    "acquire": ConnectionPool.acquire,
    "dial": ConnectionPool.dial,
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_has_the_certificates_that_came_while_it_was_made(tls_server: Server, way: str) -> None:
    old, new = (make_context(ca_bundle=tls_server.authority) for _ in range(2))
    pool = ConnectionPool(Route(tls_server.url), old)
    making = asyncio.ensure_future(WAYS[way](pool))
    await asyncio.sleep(0)
    pool.use(new)
    connection = await making
    try:
        assert connection.transport.get_extra_info("ssl_object").context is new
    finally:
        connection.abort()
        await pool.close()
