"""Credentials go to TLS servers only, to no other host, and into no message."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kaiwu_runtime.client import Client, HTTPTransport
from kaiwu_runtime.config._authentication import Authentication, StaticAuthentication, TokenFileAuthentication
from kaiwu_runtime.config._credentials import Credentials, load_credentials
from kaiwu_runtime.config._proxies import select_proxy
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import APIConnectionError, APIStatusError, ConfigurationError, KaiwuError

from ..rest.scripted_server import APPLY, Server, answer, lines

SECRET = "s3cr3t"


def written(folder: Path, user: dict[str, Any], server: str, **cluster: Any) -> Path:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


class Everything:
    """Listens on a port and keeps what comes, as any hop on the way could."""

    def __init__(self) -> None:
        self.heard = b""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heard += head
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def overheard() -> AsyncIterator[Everything]:
    made = Everything()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


PLUGIN = f"""#!/bin/sh
touch $0.ran
echo '{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{SECRET}"}}}}'
"""

USERS: dict[str, dict[str, Any]] = {
    "token": {"token": SECRET},
    "token file": {"tokenFile": "token"},
    "password": {"username": "me", "password": SECRET},
    "password alone": {"password": SECRET},
    "plugin": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}},
    "certificate": {"client-certificate-data": "YQ==", "client-key-data": "YQ=="},
    "in the URL": {},
}


@pytest.mark.parametrize("proxied", [False, True], ids=["directly", "through a proxy"])
@pytest.mark.parametrize("name", USERS)
async def test_a_server_without_tls_gets_no_credentials(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture, *, proxied: bool
) -> None:
    (tmp_path / "token").write_text(SECRET, encoding="utf-8")
    (tmp_path / "plugin").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "plugin").chmod(0o755)
    caplog.set_level(logging.WARNING)
    async with overheard() as wire:
        login = f"me:{SECRET}@" if name == "in the URL" else ""
        where = "cluster.test:80" if proxied else f"127.0.0.1:{wire.port}"
        extra = {"proxy-url": f"http://127.0.0.1:{wire.port}"} if proxied else {}
        path = written(tmp_path, USERS[name], f"http://{login}{where}", **extra)
        async with Client.connect(path) as client:
            assert await client.transport.request("GET", "/x") == b"{}"
            [line async for line in client.transport.stream("/x", params={}, idle_timeout=5)]
    for secret in (SECRET.encode(), base64.b64encode(f"me:{SECRET}".encode()), b"authorization"):
        assert secret not in wire.heard.lower() + wire.heard
    assert not (tmp_path / "plugin.ran").exists()
    assert [record.getMessage() for record in caplog.records] == [
        "Sending no credentials: the server's URL is http://, not https://"
    ]
    assert SECRET not in caplog.text


async def test_kubectl_proxy_needs_no_credentials_and_so_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with overheard() as wire:
        headers = (("Impersonate-User", "jane"),)
        transport = HTTPTransport(Credentials(f"http://127.0.0.1:{wire.port}", headers=headers))
        await transport.request("GET", "/x")
        await transport.close()
    assert b"Impersonate-User: jane" in wire.heard  # a name, not a secret
    assert caplog.records == []


@pytest.mark.parametrize("kind", ["static", "file"])
async def test_credentials_that_a_program_makes_go_nowhere_else_either(tmp_path: Path, kind: str) -> None:
    (tmp_path / "token").write_text(SECRET, encoding="utf-8")
    authentication: Authentication = (
        StaticAuthentication.bearer(SECRET) if kind == "static" else TokenFileAuthentication(tmp_path / "token")
    )
    async with overheard() as wire:
        transport = HTTPTransport(Credentials(f"http://127.0.0.1:{wire.port}", authentication=authentication))
        await transport.request("GET", "/x")
        await transport.close()
    assert SECRET.encode() not in wire.heard


async def test_user_name_and_password_in_the_url_of_a_tls_server_are_sent_and_not_shown(tls_server: Server) -> None:
    tls_server.answers = [answer(), answer(500, ""), answer(500, "")]
    url = tls_server.url.replace("https://", "https://me:p%40ss@")
    credentials = Credentials(url, ca_bundle=tls_server.authority)
    transport = HTTPTransport(credentials)
    try:
        await transport.request("GET", "/x")
        assert tls_server.requests[0].headers["Authorization"] == f"Basic {base64.b64encode(b'me:p@ss').decode()}"
        assert transport.server == tls_server.url
        assert "p%40ss" not in repr(credentials)
    finally:
        await transport.close()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize(
    ("method", "content_type"), [("GET", ""), ("POST", "application/json"), ("PATCH", APPLY), ("DELETE", "")]
)
async def test_no_redirect_is_followed(tls_server: Server, status: int, method: str, content_type: str) -> None:
    async with overheard() as wire:
        location = f"http://127.0.0.1:{wire.port}/y"
        tls_server.answers = [answer(status, "", Location=location)]
        transport = HTTPTransport(tls_server.credentials(StaticAuthentication.bearer(SECRET)))
        try:
            with pytest.raises(APIStatusError) as caught:
                await transport.request(method, "/x", body=b"{}", content_type=content_type)
            assert caught.value.code == status
            if method == "GET":
                with pytest.raises(APIStatusError):
                    [line async for line in lines(transport)]
        finally:
            await transport.close()
    assert wire.heard == b""
    assert len(tls_server.requests) == (2 if method == "GET" else 1)


PART = st.text(st.characters(codec="utf-8", exclude_characters="@[]\t\r\n"), min_size=3, max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user=PART,
    password=PART.map(lambda text: f"pw{text}"),
    where=st.sampled_from(["server", "proxy", "https_proxy"]),
    shape=st.sampled_from(
        [
            "ftp://{}@h",
            "socks4://{}@h:1",
            "https://{}@h:x",
            "{}@h",
            "http://{}@",
            "://{}@h",
            "https://{}@[h",
            "HTTP//{}@",
        ]
    ),
)
@example(user="00#", password="pw000", where="server", shape="https://{}@h:x")
@example(user="00", password="pw/0", where="server", shape="https://{}@h:x")
@example(user="a?", password="pw0", where="proxy", shape="http://{}@")
def test_no_message_about_a_url_shows_its_credentials(
    tmp_path: Path, user: str, password: str, where: str, shape: str
) -> None:
    url = shape.format(f"{user}:{password}")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HTTPS_PROXY", raising=False)
        patch.delenv("https_proxy", raising=False)
        try:
            if where == "https_proxy":
                patch.setenv("HTTPS_PROXY", url.replace("\0", ""))
                select_proxy("https://cluster.test", None)
            else:
                extra = {"proxy-url": url} if where == "proxy" else {}
                server = url if where == "server" else "https://cluster.test"
                found = load_credentials(kubeconfig=written(tmp_path, {}, server, **extra))
                shown = repr(found)
        except KaiwuError as error:
            shown = str(error)
        else:
            shown = "" if where == "https_proxy" else shown
    assert password not in shown
    assert "\n" not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"users: [{{user: {{token: {SECRET}}}",
        f"users:\n- user:\n   token: {SECRET}\n  bad",
        f"token: {SECRET}\x00",
        f"token: !!python/object {SECRET}",
        f"token: &{SECRET} *nothing",
        f"{SECRET}: [" * 3000,
        f"a: {SECRET}: b",
        f"a: '{SECRET}",
        f"%{SECRET}\n---\n",
        f"a: *{SECRET}",
        f"!{SECRET} a: b",
    ],
)
def test_no_message_about_a_kubeconfig_shows_what_is_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_credentials(kubeconfig=path)
    assert str(caught.value).startswith(f"{path}: ")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("left", ["as-uid", "as-groups", "as-user-extra"])
def test_impersonation_without_a_user_is_refused(tmp_path: Path, left: str) -> None:
    """The request would be made with all the rights of the user who impersonates."""
    value = {"as-uid": "7", "as-groups": ["viewers"], "as-user-extra": {"scopes": ["view"]}}[left]
    with pytest.raises(ConfigurationError, match="need as: the user to impersonate"):
        load_credentials(kubeconfig=written(tmp_path, {"token": "t", left: value}, "https://cluster.test"))


# Lower case, for the API server takes an extra's key as it takes a header's name.
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: text == text.lower() and "\0" not in text
)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(
    lambda text: text == text.strip()
)


@pytest.mark.envtest
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=VALUES, extra=st.dictionaries(KEYS, st.lists(VALUES, min_size=1, max_size=3), max_size=4))
def test_whatever_is_impersonated_arrives(
    control_plane: ControlPlane, tmp_path: Path, user: str, extra: dict[str, list[str]]
) -> None:
    content = yaml.safe_load(control_plane.kubeconfig.read_text(encoding="utf-8"))
    content["users"][0]["user"] |= {"as": user, "as-groups": ["system:masters"], "as-user-extra": extra}
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    body = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode()

    async def ask() -> dict[str, Any]:
        async with Client.connect(path) as client:
            reviewed = await client.transport.request(
                "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body
            )
        return dict(json.loads(reviewed)["status"]["userInfo"])

    found = asyncio.run(ask())
    assert found["username"] == user
    assert found.get("extra", {}) == extra


async def test_a_connection_error_shows_no_password_of_the_server(unused_tcp_port: int) -> None:
    transport = HTTPTransport(Credentials(f"https://me:{SECRET}@127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(APIConnectionError, match=rf"https://127\.0\.0\.1:{unused_tcp_port}/x") as caught:
        await transport.request("GET", "/x")
    assert SECRET not in str(caught.value)
