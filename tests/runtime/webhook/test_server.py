"""The https server by itself: what it refuses, what it presents, how it starts and stops."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.metrics._controllers import Metrics
from kaiwu_runtime.serving._serving_certificate import ServingCertificate
from kaiwu_runtime.webhook import AdmissionRequest, Validator
from kaiwu_runtime.webhook import _server as server_module
from kaiwu_runtime.webhook._conversion import Spoke
from kaiwu_runtime.webhook._handlers import ValidatingHandler
from kaiwu_runtime.webhook._server import WebhookServer

from .reviews import review, widget
from .test_conversion import from_v2, to_v2
from .widgets import Widget, WidgetV2, post, write_pair

PATH = "/validate-hooks-example-com-v1-widget"


class Patient(Validator[Widget]):
    """Answers when it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def validate_create(self, obj: Widget, request: AdmissionRequest) -> list[str]:
        self.asked.set()
        await self.go_on.wait()
        return ["seen"]


@asynccontextmanager
async def serving(
    folder: Path, authority: CertificateAuthority | None = None, validator: Validator[Widget] | None = None
) -> AsyncIterator[tuple[WebhookServer, str]]:
    write_pair(folder, authority or CertificateAuthority())
    server = WebhookServer("127.0.0.1", 0, ServingCertificate(folder, poll=0.02))
    server.register(PATH, ValidatingHandler(Widget, validator or Patient()))
    server.conversions.add(WidgetV2, Spoke(Widget, to_v2, from_v2))
    await server.start()
    try:
        yield server, f"https://127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def test_a_review_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, url):
        # The API server adds its deadline to the path.
        status, text = await post(f"{url}{PATH}?timeout=10s", review(widget()))
    assert status == 200
    assert json.loads(text) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "705ab4f5", "allowed": True, "warnings": ["seen"]},
    }


@pytest.mark.parametrize(
    ("path", "body", "content_type", "expected"),
    [
        pytest.param(
            PATH, b"{", "application/json", (400, "the body is not a valid AdmissionReview: Input data"), id="no JSON"
        ),
        pytest.param(PATH, b"{}", "application/json", (400, "an object without kind"), id="wrong kind"),
        pytest.param("/convert", b"{}", "application/json", (400, "ConversionReview (apiext"), id="no conversion"),
        pytest.param(PATH, review(), "text/plain", (415, "Content-Type text/plain is not supported"), id="text"),
        pytest.param(PATH, review(), "", (415, "Content-Type application/octet-stream is not supported"), id="no type"),
        pytest.param("/other", review(), "application/json", (404, "404: Not Found"), id="another path"),
    ],
)
async def test_what_is_no_review_is_refused(
    tmp_path: Path, path: str, body: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    async with serving(tmp_path) as (_, url):
        found, answer = await post(url + path, body, content_type)
    assert found == expected[0]
    assert expected[1] in answer
    assert answer.strip().count("\n") == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_only_post_is_taken(tmp_path: Path, method: str) -> None:
    async with serving(tmp_path) as (_, url), aiohttp.ClientSession() as session:
        for path in (PATH, "/convert"):
            async with session.request(method, url + path, ssl=False) as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_above_the_limit_is_refused(tmp_path: Path, announced: bool) -> None:
    limit = server_module.ADMISSION_LIMIT
    fits, large = (padded(limit), padded(limit + 1))

    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, len(large), 1 << 16):
            yield large[begin : begin + (1 << 16)]

    async with serving(tmp_path) as (_, url), aiohttp.ClientSession() as session:
        assert (await post(url + PATH, fits))[0] == 200
        headers = {"Content-Type": "application/json"}
        body = large if announced else chunks()
        async with session.post(url + PATH, data=body, headers=headers, ssl=False) as answer:
            assert (answer.status, await answer.text()) == (413, "the body is larger than 7 MiB\n")
        assert (await post(url + PATH, review(widget())))[0] == 200, "the server goes on"


def padded(size: int) -> bytes:
    body = review(widget())
    return body + b" " * (size - len(body))


async def test_a_validator_that_hangs_is_given_up_with_the_request(tmp_path: Path) -> None:
    validator = Patient()
    validator.go_on.clear()
    async with serving(tmp_path, validator=validator) as (_, url):
        status, text = await post(f"{url}{PATH}?timeout=1s", review(widget()))
    assert (status, text) == (504, f"{PATH}: no answer within the 1 s of the request\n")


async def test_a_conversion_has_a_limit_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_module.CONVERSION_LIMIT > 10 * server_module.ADMISSION_LIMIT
    monkeypatch.setattr(server_module, "CONVERSION_LIMIT", server_module.MIB)
    async with serving(tmp_path) as (_, url):
        found = await post(f"{url}/convert", b"{}" + b" " * server_module.MIB)
    assert found == (413, "the body is larger than 1 MiB\n")


async def test_requests_are_measured_under_controller_runtimes_names(tmp_path: Path) -> None:
    class Broken(Validator[Widget]):
        async def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
            raise RuntimeError

    write_pair(tmp_path, CertificateAuthority())
    metrics = Metrics()
    registry = metrics.registry
    server = WebhookServer("127.0.0.1", 0, ServingCertificate(tmp_path))
    server.register(PATH, ValidatingHandler(Widget, Broken()))
    server.measure(metrics)
    await server.start()
    try:
        url = f"https://127.0.0.1:{server.port}{PATH}"
        assert [(await post(url, body))[0] for body in (review(widget()), review(widget()), b"")] == [200, 200, 400]
    finally:
        await server.stop()
    prefix, labels = "controller_runtime_webhook_", {"webhook": PATH}
    found = {
        code: registry.get_sample_value(f"{prefix}requests_total", {**labels, "code": code})
        for code in ("200", "400", "500")
    }
    assert found == {"200": 2.0, "400": 1.0, "500": 0.0}
    assert registry.get_sample_value(f"{prefix}latency_seconds_count", labels) == 3.0
    assert registry.get_sample_value(f"{prefix}requests_in_flight", labels) == 0.0
    assert registry.get_sample_value(f"{prefix}panics_total") == 2.0


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_client_with_an_old_tls_is_refused(tmp_path: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    async with serving(tmp_path) as (server, _):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_2
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        writer.close()


async def test_new_files_are_presented_without_a_restart(tmp_path: Path) -> None:
    first, second = CertificateAuthority("first"), CertificateAuthority("second")
    async with serving(tmp_path, first) as (_, url):
        assert await trusts(first, url)
        assert not await trusts(second, url)
        write_pair(tmp_path, second)
        async with asyncio.timeout(10):
            while not await trusts(second, url):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not await trusts(first, url)


async def trusts(authority: CertificateAuthority, url: str) -> bool:
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    try:
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context):
            return True
    except aiohttp.ClientConnectorCertificateError:
        return False


async def test_a_request_in_progress_is_answered_when_the_server_stops(tmp_path: Path) -> None:
    validator = Patient()
    validator.go_on.clear()
    async with serving(tmp_path, validator=validator) as (server, url):
        asking = asyncio.create_task(post(url + PATH, review(widget())))
        await validator.asked.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.05)
        assert not asking.done()
        validator.go_on.set()
        status, text = await asking
        await stopping
    assert (status, json.loads(text)["response"]["warnings"]) == (200, ["seen"])


async def test_the_check_tells_whether_the_server_listens(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, _):
        await server.check()
    with pytest.raises(APIConnectionError, match="has not been started"):
        await server.check()


async def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, _):
        other = WebhookServer("127.0.0.1", server.port, ServingCertificate(tmp_path))
        with pytest.raises(ConfigurationError, match=f"--webhook-port {server.port}: .*in use; use another"):
            await other.start()


async def test_a_missing_certificate_is_one_line(tmp_path: Path) -> None:
    server = WebhookServer("127.0.0.1", 0, ServingCertificate(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match=r"none/tls\.crt: No such file"):
        await server.start()


def announcing(size: int, sent: int) -> bytes:
    head = f"POST {PATH}?timeout=20s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {size}\r\n\r\n"
    return head.encode() + b" " * sent


@pytest.mark.parametrize("sent", [0, 1, 60_000, 70_000])
async def test_peers_that_announce_much_and_send_little_do_not_block_others(
    tmp_path: Path, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "budget_bytes", lambda _: 8 * server_module.MIB)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with serving(tmp_path) as (server, url):
        writers = []
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            writer.write(announcing(7 * server_module.MIB, sent))
            await writer.drain()
            writers.append(writer)
        await asyncio.sleep(0.2)
        status, _ = await asyncio.wait_for(post(f"{url}{PATH}?timeout=20s", padded(3 * server_module.MIB)), 20)
        assert status == 200
        for writer in writers:
            writer.transport.abort()


async def test_the_readiness_check_reads_no_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("tens of milliseconds on the event loop")

    async with serving(tmp_path) as (server, _):
        monkeypatch.setattr(ssl.SSLContext, "load_default_certs", fail)
        await server.check()


async def test_what_a_peer_does_not_send_is_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with serving(tmp_path) as (server, url):
        assert (await post(f"{url}{PATH}?timeout=0s", review(widget())))[0] == 200, (
            "the API server waits for 1 s or more"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        writer.write(announcing(100, 10).replace(b"timeout=20s", b"timeout=1s"))
        assert (await reader.readline()).strip() == b"HTTP/1.1 408 Request Timeout"
        writer.transport.abort()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


async def test_a_webhook_that_takes_too_long_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    validator = Patient()
    validator.go_on.clear()
    async with serving(tmp_path, validator=validator) as (_, url):
        assert (await post(f"{url}{PATH}?timeout=1s", review(widget())))[0] == 504
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "Rejected a webhook request"
    ]
