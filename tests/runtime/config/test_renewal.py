"""Credentials that are renewed between two requests, or cannot be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._authentication import StaticAuthentication, TokenFileAuthentication
from kaiwu_runtime.errors import (
    ConfigurationError,
    UnauthorizedError,
)

from ..rest.scripted_server import Server, answer, lines, stream


async def test_a_401_is_answered_with_a_new_token_once(tls_server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old", encoding="utf-8")
    transport = HTTPTransport(tls_server.credentials(TokenFileAuthentication(token)))

    async def renew(request: web.Request) -> web.StreamResponse:
        token.write_text(f"new-{len(tls_server.requests)}", encoding="utf-8")
        return await answer(401)(request)

    try:
        tls_server.answers = [renew, answer()]
        await transport.request("POST", "/x", body=b"{}")
        assert [request.headers["Authorization"] for request in tls_server.requests] == ["Bearer old", "Bearer new-1"]
        assert tls_server.bodies == [b"{}", b"{}"]
        tls_server.answers = [renew]
        with pytest.raises(UnauthorizedError):
            await transport.request("GET", "/x")
        assert len(tls_server.requests) == 4
    finally:
        await transport.close()


async def test_a_token_that_is_rotated_under_many_requests_fails_none(tls_server: Server, tmp_path: Path) -> None:
    """All but the first of them find the new token in use already when their 401 comes."""
    token = tmp_path / "token"
    token.write_text("old", encoding="utf-8")
    transport = HTTPTransport(tls_server.credentials(TokenFileAuthentication(token)))

    async def check(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer new":
            return await (answer() if request.path == "/x" else stream(b"{}\n"))(request)
        token.write_text("new", encoding="utf-8")
        await asyncio.sleep(0.02 * len(tls_server.requests))  # each is refused later than the one before
        return await answer(401)(request)

    async def watch() -> list[bytes]:
        return [line async for line in transport.stream("/watched", params={}, idle_timeout=5)]

    tls_server.answers = [check]
    try:
        answers = await asyncio.gather(*(transport.request("GET", "/x") for _ in range(4)), watch())
        assert answers[-1] == [b"{}"]
        assert len(tls_server.requests) == 10
    finally:
        await transport.close()


async def test_a_401_with_nothing_newer_is_final(tls_server: Server) -> None:
    transport = HTTPTransport(tls_server.credentials(StaticAuthentication.bearer("only")))
    tls_server.answers = [answer(401, {"message": "Unauthorized"})]
    try:
        with pytest.raises(UnauthorizedError, match=r"^Unauthorized$"):
            await transport.request("GET", "/x")
        assert len(tls_server.requests) == 1
    finally:
        await transport.close()


async def test_credentials_that_cannot_be_had_are_not_the_servers_fault(tls_server: Server, tmp_path: Path) -> None:
    authentication = TokenFileAuthentication(tmp_path / "missing")
    transport = HTTPTransport(tls_server.credentials(authentication))
    try:
        with pytest.raises(ConfigurationError, match=f"^token file {tmp_path}/missing: "):
            await transport.request("GET", "/x")
        assert tls_server.requests == []
    finally:
        await transport.close()


async def test_a_watch_renews_its_token(tls_server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old", encoding="utf-8")
    authentication = TokenFileAuthentication(token)
    assert authentication.authorization() == "Bearer old"
    token.write_text("new", encoding="utf-8")
    transport = HTTPTransport(tls_server.credentials(authentication))
    tls_server.answers = [answer(401), stream(b"one\n")]
    try:
        assert [line async for line in lines(transport)] == [b"one"]
        assert tls_server.requests[1].headers["Authorization"] == "Bearer new"
    finally:
        await transport.close()
