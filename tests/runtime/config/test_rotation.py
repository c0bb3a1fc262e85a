"""Credentials whose files are replaced while the process runs, in the kubeconfig's and the pod's way."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config import _renewal as renewal
from kaiwu_runtime.config import _rotation as rotation_module
from kaiwu_runtime.config._credentials import load_credentials
from kaiwu_runtime.config._rotation import PERIOD_SECONDS, Rotation
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import APIConnectionError, UnauthorizedError, WatchInterruptedError

from ..rest.scripted_server import answer, say_nothing, stream
from .rotation_cluster import (
    IDENTITIES,
    Cluster,
    Write,
    certificate_files,
    certificate_inline,
    connected,
    kubeconfig,
    replaced,
    token_inline,
    token_of_a_pod,
)


@pytest.mark.parametrize("write", IDENTITIES, ids=lambda write: write.__name__)
@pytest.mark.parametrize("requests", [1, 5])
async def test_what_the_server_refuses_is_read_again(
    cluster: Cluster, write: Write, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cluster, "old")
    cluster.accepted = {"old"}
    async with connected(cluster, monkeypatch, pod=write is token_of_a_pod) as transport:
        await transport.request("POST", "/x", body=b"{}")
        write(cluster, "new")
        cluster.accepted = {"new"}
        # Each has a connection, and a refusal, of its own; those that are late find the new ones in use already.
        await asyncio.gather(*(transport.request("POST", "/x", body=b"{}") for _ in range(requests)))
        assert cluster.callers[-1] == "new"
        cluster.accepted = {"other"}
        before = len(cluster.callers)
        with pytest.raises(UnauthorizedError):
            await transport.request("GET", "/x")
        assert len(cluster.callers) == before + 1  # nothing newer there: not sent again


@pytest.mark.parametrize("write", IDENTITIES, ids=lambda write: write.__name__)
async def test_what_is_still_accepted_is_replaced_within_the_period(
    cluster: Cluster, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cluster, "old")
    cluster.accepted = {"old", "new"}
    async with connected(cluster, monkeypatch, pod=write is token_of_a_pod) as transport:
        await transport.request("GET", "/x")
        write(cluster, "new")
        await transport.request("GET", "/x")
        assert cluster.callers == ["old", "old"]
        transport._credentials._rotation._next = 0.0
        if hasattr(transport._credentials._authentication, "_read_at"):
            transport._credentials._authentication._read_at -= PERIOD_SECONDS
        await transport.request("GET", "/x")
        assert cluster.callers[-1] == "new"


@pytest.mark.parametrize("write", [certificate_inline, certificate_files], ids=lambda write: write.__name__)
async def test_a_watch_ends_with_the_certificate_it_was_made_with(
    cluster: Cluster, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cluster, "old")
    cluster.accepted = {"old", "new"}
    async with connected(cluster, monkeypatch, pod=False) as transport:
        cluster.server.answers = [stream(b"one\n", then=say_nothing), answer()]
        lines = transport.stream("/x", params={}, idle_timeout=30)
        assert await anext(lines) == b"one"
        write(cluster, "new")
        transport._credentials._rotation._next = 0.0
        await transport.request("GET", "/x")
        with pytest.raises(WatchInterruptedError):
            await anext(lines)
        cluster.server.answers = [stream(b"two\n")]
        assert [line async for line in transport.stream("/x", params={}, idle_timeout=30)] == [b"two"]
        assert cluster.callers[-1] == "new"


@pytest.mark.parametrize("write", [certificate_inline, certificate_files], ids=lambda write: write.__name__)
async def test_a_quiet_watch_does_not_outlive_its_certificate(
    cluster: Cluster, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no request beside it that would look at the files."""
    monkeypatch.setattr(renewal, "PERIOD_SECONDS", 0.05)
    monkeypatch.setattr(rotation_module, "PERIOD_SECONDS", 0.02)
    write(cluster, "old")
    cluster.accepted = {"old", "new"}
    async with connected(cluster, monkeypatch, pod=False) as transport:
        cluster.server.answers = [stream(b"one\n", then=say_nothing), stream(b"two\n")]
        lines = transport.stream("/x", params={}, idle_timeout=30)
        assert await anext(lines) == b"one"
        write(cluster, "new")
        with pytest.raises(WatchInterruptedError):
            await anext(lines)
        assert [line async for line in transport.stream("/x", params={}, idle_timeout=30)] == [b"two"]
    assert cluster.callers == ["old", "new"]
    assert "renewed credentials" not in {task.get_name() for task in asyncio.all_tasks() if not task.cancelling()}


def authority_inline(cluster: Cluster) -> None:
    kubeconfig(cluster, {"token": "t"})


def authority_file(cluster: Cluster) -> None:
    replaced(cluster.folder / "ca.crt", cluster.authority.certificate)
    if not (cluster.folder / "config").exists():
        kubeconfig(cluster, {"token": "t"}, {"certificate-authority": "ca.crt"})


def authority_of_a_pod(cluster: Cluster) -> None:
    token_of_a_pod(cluster, "t")


@pytest.mark.parametrize(
    "write", [authority_inline, authority_file, authority_of_a_pod], ids=lambda write: write.__name__
)
async def test_an_authority_that_is_replaced(
    cluster: Cluster, write: Callable[[Cluster], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cluster)
    cluster.accepted = {"t"}
    async with connected(cluster, monkeypatch, pod=write is authority_of_a_pod) as transport:
        await transport.request("GET", "/x")
        cluster.authority = CertificateAuthority("second")
        await cluster.start()
        with pytest.raises(APIConnectionError, match="certificate is not trusted"):
            await transport.request("POST", "/x", body=b"{}")
        write(cluster)
        await transport.request("POST", "/x", body=b"{}")
        watch = [line async for line in transport.stream("/x", params={}, idle_timeout=30)]
        assert watch == []
    assert cluster.callers == ["t"] * 3


def half_written(cluster: Cluster) -> None:
    (cluster.folder / "config").write_text("clusters: [", encoding="utf-8")


def missing(cluster: Cluster) -> None:
    (cluster.folder / "config").unlink()


def another_key(cluster: Cluster) -> None:
    replaced(cluster.folder / "me.key", cluster.certificate("new").key)


def no_certificate(cluster: Cluster) -> None:
    (cluster.folder / "me.crt").write_bytes(b"")


def another_server(cluster: Cluster) -> None:
    """Its credentials are for another cluster, and must not be sent to this one."""
    path = cluster.folder / "config"
    path.write_text(path.read_text().replace(cluster.server.url, "https://me:secret@else.test"), encoding="utf-8")


def another_name(cluster: Cluster) -> None:
    path = cluster.folder / "config"
    path.write_text(path.read_text().replace("    server:", "    tls-server-name: else.test\n    server:"))


def another_proxy(cluster: Cluster) -> None:
    path = cluster.folder / "config"
    path.write_text(path.read_text().replace("    server:", "    proxy-url: http://me:secret@else.test\n    server:"))


@pytest.mark.parametrize(
    "spoil",
    [half_written, missing, another_key, no_certificate, another_server, another_name, another_proxy],
    ids=lambda spoil: spoil.__name__,
)
async def test_what_cannot_be_used_is_not_taken(
    cluster: Cluster,
    spoil: Callable[[Cluster], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate_files(cluster, "old")
    cluster.accepted = {"old", "new"}
    async with connected(cluster, monkeypatch, pod=False) as transport:
        spoil(cluster)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                transport._credentials._rotation._next = 0.0
                await transport.request("GET", "/x")
        assert set(cluster.callers) == {"old"}
        (record,) = caplog.records  # once, however often it is looked at
        assert "\n" not in record.error  # type: ignore[attr-defined]
        assert "secret" not in record.error  # type: ignore[attr-defined]
        (cluster.folder / "config").unlink(missing_ok=True)
        certificate_files(cluster, "new")
        transport._credentials._rotation._next = 0.0
        await transport.request("GET", "/x")
        assert cluster.callers[-1] == "new"


async def test_two_transports_of_the_same_credentials_both_follow(cluster: Cluster) -> None:
    certificate_files(cluster, "old")
    cluster.accepted = {"old"}
    credentials = load_credentials(kubeconfig=cluster.folder / "config")
    transports = [HTTPTransport(credentials) for _ in range(2)]
    try:
        for transport in transports:
            await transport.request("GET", "/x")
        certificate_files(cluster, "new")
        cluster.accepted = {"new"}
        for transport in transports:
            await transport.request("GET", "/x")
    finally:
        for transport in transports:
            await transport.close()


async def test_another_current_context_is_for_other_programs(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    token_inline(cluster, "mine")
    cluster.accepted = {"mine", "theirs"}
    async with connected(cluster, monkeypatch, pod=False) as transport:
        path = cluster.folder / "config"
        content = yaml.safe_load(path.read_text())
        content["users"].append({"name": "them", "user": {"token": "theirs"}})
        content["contexts"].append({"name": "them", "context": {"cluster": "c", "user": "them"}})
        content["current-context"] = "them"
        replaced(path, yaml.safe_dump(content).encode())
        transport._credentials._rotation._next = 0.0
        await transport.request("GET", "/x")
    assert cluster.callers == ["mine"]


async def test_files_that_are_as_they_were_are_not_parsed(cluster: Cluster) -> None:
    token_inline(cluster, "t")
    credentials = load_credentials(kubeconfig=cluster.folder / "config")
    now = 0.0
    rotation = Rotation(credentials, clock=lambda: now)
    credentials.reload = lambda: pytest.fail("it was read")
    assert not rotation.due()
    now = PERIOD_SECONDS
    assert rotation.due()
    assert not rotation.due()  # one request looks, the others go on
    assert rotation.read(force=False) is None
    os.utime(cluster.folder / "config", (1, 1))
    with pytest.raises(pytest.fail.Exception):
        rotation.read(force=False)


async def test_a_plugin_is_not_run_because_the_kubeconfig_was_touched(cluster: Cluster, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    credential = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'
    plugin.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\necho '{credential}'\n", encoding="utf-8")
    plugin.chmod(0o755)
    entry = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    kubeconfig(cluster, {"exec": entry})
    cluster.accepted = {"t"}
    transport = HTTPTransport(load_credentials(kubeconfig=cluster.folder / "config"))
    try:
        for _ in range(3):
            await transport.request("GET", "/x")
            kubeconfig(cluster, {"exec": entry})
            transport._credentials._rotation._next = 0.0
        assert (tmp_path / "runs").read_text() == "run\n"
    finally:
        await transport.close()


async def test_a_certificate_that_another_client_has_renewed_is_used(cluster: Cluster, tmp_path: Path) -> None:
    def prints(name: str) -> None:
        pair = cluster.certificate(name)
        status = {"clientCertificateData": pair.certificate.decode(), "clientKeyData": pair.key.decode()}
        body = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
        (tmp_path / "answer").write_text(json.dumps(body), encoding="utf-8")

    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\ncat {tmp_path}/answer\n", encoding="utf-8")
    plugin.chmod(0o755)
    entry = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    kubeconfig(cluster, {"exec": entry})
    first, second = (HTTPTransport(load_credentials(kubeconfig=cluster.folder / "config")) for _ in range(2))
    try:
        prints("old")
        cluster.accepted = {"old"}
        for transport in (first, second):
            await transport.request("GET", "/x")
        prints("new")
        cluster.accepted = {"new"}
        for transport in (first, second):
            await transport.request("GET", "/x")
        assert cluster.callers == ["old", "old", "old", "new", "new"]
        assert (tmp_path / "runs").read_text() == "run\n" * 2
    finally:
        await first.close()
        await second.close()


def test_a_tls_context_is_for_the_certificates_as_they_are(cluster: Cluster) -> None:
    certificate_files(cluster, "old")
    context = load_credentials(kubeconfig=cluster.folder / "config").tls_context()
    assert isinstance(context, ssl.SSLContext)
