"""Another user in the kubeconfig, another certificate of a plugin, and what is in progress meanwhile."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import load_credentials

from ..rest.scripted_server import answer
from .rotation_cluster import Cluster, certificate_files, kubeconfig


@pytest.fixture
async def transport(cluster: Cluster) -> AsyncIterator[HTTPTransport]:
    """A transport of a user whose plugin has printed a certificate for ``exec``."""
    kubeconfig(cluster, {"exec": plugin(cluster, "exec")})
    cluster.accepted = {"exec", "new"}
    made = HTTPTransport(load_credentials(kubeconfig=cluster.folder / "config"))
    await made.request("GET", "/x")
    assert cluster.callers == ["exec"]
    yield made
    await made.close()


def plugin(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return a plugin that prints a certificate for a name."""
    path = cluster.folder / "plugin"
    pair = cluster.certificate(name)
    status = {"clientCertificateData": pair.certificate.decode(), "clientKeyData": pair.key.decode()}
    body = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    path.with_suffix(".json").write_text(json.dumps(body), encoding="utf-8")
    path.write_text(f"#!/bin/sh\ncat {path}.json\n", encoding="utf-8")
    path.chmod(0o755)
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "interactiveMode": "Never"}


def contexts_of(transport: HTTPTransport) -> list[ssl.SSLContext | None]:
    """Return a list that gets each TLS context which the transport uses from now on."""
    used: list[ssl.SSLContext | None] = []
    use = transport._credentials._use

    def noted(context: ssl.SSLContext | None) -> None:
        used.append(context)
        use(context)

    transport._credentials._use = noted
    return used


USERS: dict[str, Any] = {
    "a token": lambda _: {"token": "new"},
    "a token with a header": lambda _: {"token": "new", "as": "someone"},
    "a plugin": lambda cluster: {"exec": {**plugin(cluster, "new"), "args": ["another"]}},
}


@pytest.mark.parametrize("user", USERS)
async def test_the_certificate_of_the_old_user_is_not_shown(
    cluster: Cluster, transport: HTTPTransport, user: str
) -> None:
    kubeconfig(cluster, USERS[user](cluster))
    transport._credentials._rotation._next = 0.0
    used = contexts_of(transport)
    names: list[str] = []

    async def certificate_shown(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peercert") or {}
        names.extend(value for part in peer.get("subject", ()) for key, value in part if key == "commonName")
        return await answer()(request)

    cluster.server.answers = [certificate_shown]
    await transport.request("GET", "/x")
    assert cluster.callers[-1] == "new"
    assert names == (["new"] if user == "a plugin" else [])
    assert used


async def test_a_user_with_a_certificate_in_place_of_a_plugin(cluster: Cluster, transport: HTTPTransport) -> None:
    (cluster.folder / "config").unlink()
    certificate_files(cluster, "new")
    transport._credentials._rotation._next = 0.0
    used = contexts_of(transport)
    await transport.request("GET", "/x")
    assert cluster.callers[-1] == "new"
    assert len(used) == 1


async def test_a_new_certificate_is_taken_over_once_for_all_requests(
    cluster: Cluster, transport: HTTPTransport
) -> None:
    used = contexts_of(transport)
    cluster.accepted = {"new"}
    plugin(cluster, "new")
    await asyncio.gather(*(transport.request("GET", "/x") for _ in range(20)))
    assert cluster.callers[-1] == "new"
    assert len(used) == 1


@pytest.mark.parametrize("kind", ["log", "proxy"])
async def test_what_cannot_be_resumed_goes_on(cluster: Cluster, transport: HTTPTransport, kind: str) -> None:
    """A log that is followed, and a request to a pod: only a watch is ended by new certificates."""
    renewed = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\n")
        await renewed.wait()
        await response.write(b"two\n")
        await response.write_eof()
        return response

    cluster.server.answers = [answer(), slowly, answer()]

    async def read() -> bytes:
        if kind == "proxy":
            return (await transport.answer("GET", "/slow")).body
        return b"".join([chunk async for chunk in transport.chunks("/slow", idle_timeout=30)])

    reading = asyncio.create_task(read())
    while len(cluster.server.requests) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # until the first part has come
    (cluster.folder / "config").unlink()
    certificate_files(cluster, "new")
    transport._credentials._rotation._next = 0.0
    await transport.request("GET", "/x")
    assert cluster.callers[-1] == "new"
    renewed.set()
    assert await reading == b"one\ntwo\n"
