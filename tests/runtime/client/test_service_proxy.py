"""Requests to pods and Services: the path, and which answers are the API server's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from lightkube.resources.core_v1 import ConfigMap, Node, Pod, Service

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.client._service_proxy import proxy_path
from kaiwu_runtime.config._authentication import StaticAuthentication
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError, ForbiddenError, NotFoundError, UnauthorizedError

from ..rest.conftest import served
from ..rest.scripted_server import Server, answer, break_off, hang_up, say_nothing, stream

KEY = ObjectKey("ns", "web")
PODS = "/api/v1/namespaces/ns/pods"
SERVICES = "/api/v1/namespaces/ns/services"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with served() as made:
        yield made


@pytest.fixture
async def pods(server: Server) -> AsyncIterator[Client]:
    async with Client(HTTPTransport(Credentials(server.url))) as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "path", "options", "expected"),
    [
        (Pod, "/", {}, f"{PODS}/web/proxy/"),
        (Pod, "", {}, f"{PODS}/web/proxy/"),
        (Pod, "a/b", {"port": 8080}, f"{PODS}/web:8080/proxy/a/b"),
        (Pod, "/a//b/", {"scheme": "https"}, f"{PODS}/https:web:/proxy/a//b/"),
        (Service, "/a?b#%", {"port": "http", "scheme": "https"}, f"{SERVICES}/https:web:http/proxy/a%3Fb%23%25"),
        (Node, "/metrics", {"port": 10250}, "/api/v1/nodes/web:10250/proxy/metrics"),
    ],
)  # fmt: skip
def test_paths(kind: type[Any], path: str, options: dict[str, Any], expected: str) -> None:
    given_options = {"port": "", "scheme": "", **options}
    assert proxy_path(identify(kind), "ns" if kind is not Node else "", "web", path=path, **given_options) == expected


@given(st.text(max_size=20))
def test_no_path_leads_elsewhere(path: str) -> None:
    try:
        made = proxy_path(identify(Pod), "ns", "web", port="", scheme="", path=path)
    except (ValueError, UnicodeEncodeError):
        return
    assert made.startswith(f"{PODS}/web/proxy/")
    rest = made.removeprefix(f"{PODS}/web/proxy/")
    assert rest.isascii()
    assert not {"?", "#", " ", "\r", "\n"} & set(rest)
    assert not {".", ".."} & set(rest.split("/"))


@pytest.mark.parametrize(
    "options",
    [{"port": "a/b"}, {"port": "1:2"}, {"port": -1.5}, {"scheme": "ftp"}, {"path": "/../secrets"}, {"path": "a\nb"}],
)
async def test_values_that_are_refused(server: Server, pods: Client, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^proxy: "):
        await pods.proxy(Pod, KEY, **options)
    with pytest.raises(ValueError, match="ConfigMap has no proxy: use Pod, Service, Node"):
        await pods.proxy(ConfigMap, KEY)
    assert not server.requests


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 418, 429, 500, 503])
async def test_every_status_is_an_answer(server: Server, pods: Client, status: int) -> None:
    server.answers = [answer(status, "" if status == 204 else "own words", Retry_After="100", X_Own="ü")]
    began = time.monotonic()
    found = await pods.proxy(Service, KEY, "/x", params=[("a", "1"), ("a", "2 &")])
    assert time.monotonic() - began < 20
    assert (found.status, found.text, found.header("Retry-After")) == (
        status,
        "" if status == 204 else "own words",
        "100",
    )
    assert found.header("missing") is None
    (request,) = server.requests
    assert request.query.getall("a") == ["1", "2 &"]


def refusal(reason: str, kind: str, name: str, **others: Any) -> dict[str, Any]:
    return {"kind": "Status", "reason": reason, "message": "no", "details": {"kind": kind, "name": name}, **others}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, refusal("NotFound", "pods", "web"), NotFoundError),
        (403, refusal("Forbidden", "pods", "https:web:8080"), ForbiddenError),
        (401, {"kind": "Status", "reason": "Unauthorized"}, UnauthorizedError),
        (404, refusal("NotFound", "pods", "another"), None),
        (404, refusal("NotFound", "widgets", "web"), None),
        (404, {"kind": "Status", "reason": "NotFound"}, None),
        (404, {"kind": "Status", "reason": "NotFound", "details": "x"}, None),
        (404, ["web"], None),
        (503, refusal("ServiceUnavailable", "pods", "web"), None),
    ],
)
async def test_refusals_of_the_api_server(
    server: Server, pods: Client, status: int, body: object, error: type[Exception] | None
) -> None:
    server.answers = [answer(status, body)]
    if error is None:
        assert (await pods.proxy(Pod, KEY, "/x")).status == status
        return
    with pytest.raises(error):
        await pods.proxy(Pod, KEY, "/x")


async def test_a_warning_of_a_pod_is_not_logged_as_the_api_servers(
    server: Server, pods: Client, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [answer(200, "", Warning='299 - "of the pod"')]
    heard: list[tuple[str, int]] = []
    pods.transport.on_response = lambda method, status: heard.append((method, status))  # type: ignore[attr-defined]
    found = await pods.proxy(Pod, KEY)
    assert found.header("Warning") == '299 - "of the pod"'
    assert heard == [("GET", 200)]
    assert not [record for record in caplog.records if record.name.startswith("kaiwu_runtime")]


async def test_only_the_api_servers_401_renews_credentials(tls_server: Server) -> None:
    renewals = 0

    class Renewed(StaticAuthentication):
        async def renew(self, *, rejected: bool) -> bool:
            nonlocal renewals
            renewals += 1
            return True

    async with Client(HTTPTransport(tls_server.credentials(Renewed("Bearer t")))) as client:
        tls_server.answers = [answer(401, "who are you?")]
        assert (await client.proxy(Pod, KEY)).status == 401
        assert renewals == 0
        tls_server.answers = [answer(200), answer(401, {"kind": "Status", "reason": "Unauthorized"}), answer(200, "x")]
        assert (await client.proxy(Pod, KEY)).text == "x"
        assert renewals == 1


@pytest.fixture
async def tls_server(tmp_path: Any) -> AsyncIterator[Server]:
    from kaiwu_runtime.envtest._certificates import CertificateAuthority

    from ..rest.scripted_server import server_context

    authority = CertificateAuthority()
    async with served(server_context(authority, tmp_path)) as made:
        made.authority = authority.certificate
        yield made


@pytest.mark.parametrize("fault", [hang_up, break_off])
async def test_connections_that_break(server: Server, pods: Client, fault: Any) -> None:
    server.answers = [fault]
    with pytest.raises(APIConnectionError, match=rf"^GET {PODS}/web/proxy/x: "):
        await pods.proxy(Pod, KEY, "/x")
    assert len(server.requests) == 1


async def test_an_answer_that_does_not_end(server: Server, pods: Client) -> None:
    server.answers = [say_nothing]
    with pytest.raises(APIConnectionError, match=r"no complete answer within 0.2 s"):
        await pods.proxy(Pod, KEY, timeout=0.2)

    async def for_ever(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 20))
            await asyncio.sleep(0)

    server.answers = [for_ever]
    with pytest.raises(APIConnectionError, match="longer than 67108864 bytes"):
        await pods.proxy(Pod, KEY)
    server.answers = [stream(b"a", b"b")]
    assert (await pods.proxy(Pod, KEY)).body == b"ab"


async def test_an_answer_may_take_as_long_as_is_said(server: Server) -> None:
    async def late(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.6)
        return web.Response(text="late")

    server.answers = [late]
    async with Client(HTTPTransport(Credentials(server.url), request_timeout=0.2)) as made:
        assert (await made.proxy(Pod, KEY, timeout=10)).text == "late"
