"""A scripted API server, and credentials for it that tests replace in every way there is."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import load_credentials
from kaiwu_runtime.envtest._certificates import CertificateAuthority, KeyPair

from ..rest.scripted_server import Server, answer, server_context


class Cluster:
    """A TLS server that knows its callers by client certificate or token, and can get another authority.

    Attributes:
        accepted: Names and tokens that are let in.
        callers: Whom each request came from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clients = CertificateAuthority("clients")
        self.authority = CertificateAuthority("first")
        self.accepted: set[str] = set()
        self.callers: list[str] = []
        self.server = Server()
        self.server.answers = [answer()]
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Serve with a certificate of the present authority, on the port that was used before."""
        if self._runner is not None:
            await self._runner.cleanup()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        context = server_context(self.authority, self.folder, clients=self.clients.certificate)
        port = int(self.server.url.rpartition(":")[2]) if self.server.url else 0
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=context, reuse_address=True)
        await site.start()
        self.server.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peercert") or {}
        names = [value for part in peer.get("subject", ()) for key, value in part if key == "commonName"]
        caller = request.headers.get("Authorization", "").removeprefix("Bearer ") or (names or [""])[0]
        self.callers.append(caller)
        if caller not in self.accepted:
            return await answer(401)(request)
        return await self.server.handle(request)

    def certificate(self, name: str) -> KeyPair:
        return self.clients.client(name, [])


Write = Callable[[Cluster, str], Any]


def replaced(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def kubeconfig(cluster: Cluster, user: dict[str, Any], server: dict[str, Any] | None = None) -> None:
    content = {
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": cluster.server.url,
                    **(server or {"certificate-authority-data": encoded(cluster.authority.certificate)}),
                },
            }
        ],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    replaced(cluster.folder / "config", yaml.safe_dump(content).encode())


def token_inline(cluster: Cluster, name: str) -> None:
    kubeconfig(cluster, {"token": name})


def token_file(cluster: Cluster, name: str) -> None:
    replaced(cluster.folder / "token", f"{name}\n".encode())
    if not (cluster.folder / "config").exists():
        kubeconfig(cluster, {"tokenFile": "token"})


def certificate_inline(cluster: Cluster, name: str) -> None:
    pair = cluster.certificate(name)
    user = {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}
    kubeconfig(cluster, user)


def certificate_files(cluster: Cluster, name: str) -> None:
    pair = cluster.certificate(name)
    replaced(cluster.folder / "me.crt", pair.certificate)
    replaced(cluster.folder / "me.key", pair.key)
    if not (cluster.folder / "config").exists():
        kubeconfig(cluster, {"client-certificate": "me.crt", "client-key": "me.key"})


def certificate_behind_a_link(cluster: Cluster, name: str) -> None:
    """As in a mounted Secret: the folder behind a symbolic link changes, the names stay."""
    pair = cluster.certificate(name)
    folder = cluster.folder / f"..{name}"
    folder.mkdir()
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    link = cluster.folder / "..data_tmp"
    link.symlink_to(folder.name)
    link.replace(cluster.folder / "..data")
    if not (cluster.folder / "config").exists():
        kubeconfig(cluster, {"client-certificate": "..data/tls.crt", "client-key": "..data/tls.key"})


def token_of_a_pod(cluster: Cluster, name: str) -> None:
    replaced(cluster.folder / "token", name.encode())
    replaced(cluster.folder / "ca.crt", cluster.authority.certificate)


IDENTITIES: list[Write] = [
    token_inline,
    token_file,
    certificate_inline,
    certificate_files,
    certificate_behind_a_link,
    token_of_a_pod,
]


@asynccontextmanager
async def connected(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, *, pod: bool) -> AsyncIterator[HTTPTransport]:
    if pod:
        monkeypatch.delenv("KUBECONFIG", raising=False)
        host, _, port = cluster.server.url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        credentials = load_credentials(service_account=cluster.folder)
    else:
        credentials = load_credentials(kubeconfig=cluster.folder / "config")
    transport = HTTPTransport(credentials)
    try:
        yield transport
    finally:
        await transport.close()
