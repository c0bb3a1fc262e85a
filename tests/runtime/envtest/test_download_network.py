"""Servers and networks that a download of the programs survives: bad answers, redirects, proxies, slow peers."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.envtest import _download, _http, setup
from kaiwu_runtime.envtest._binaries import system
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.envtest._download import download
from kaiwu_runtime.envtest._progress import silent
from kaiwu_runtime.errors import ControlPlaneError

from .archive_server import Answer, ArchiveServer, archive, body, dribble, silence, truncated


def _headers(*lines: tuple[str, str], code: int = 200) -> Answer:
    """Answer with headers as they stand, and a body of five bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(code)
        for name, value in lines:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(b"hello")
        handler.close_connection = True

    return answer


def _raw(data: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


BAD_ANSWERS = {
    "no number": _headers(("Content-Length", "many")),
    "negative": _headers(("Content-Length", "-5")),
    "fraction": _headers(("Content-Length", "5.5")),
    "digits of another script": _headers(("Content-Length", "\u00b2")),
    "two lengths": _headers(("Content-Length", "5, 6")),
    "a huge length": _headers(("Content-Length", "9" * 30)),
    "a terabyte": _headers(("Content-Length", str(1 << 40))),
    "broken chunks": _raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello"),
    "an endless header": _raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "many headers": _raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
    "no status": _raw(b"hello\r\n\r\n"),
    "nothing": _raw(b""),
    "another protocol": _raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a reason with controls": _raw(b"HTTP/1.1 500 \x1b[31mred\r\nContent-Length: 0\r\n\r\n"),
    "a redirect to nowhere": _headers(("Location", "http://[broken"), code=302),
    "a redirect without an address": _headers(code=302),
    "a redirect to a file": _headers(("Location", "file:///etc/passwd"), code=302),
    "a redirect to ftp": _headers(("Location", "ftp://127.0.0.1/x"), code=302),
    "a redirect in a circle": _headers(("Location", "/circle"), code=302),
}


@pytest.mark.parametrize("where", ["index", "archive"])
@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answer_is_an_error_like_any_other(name: str, where: str, server: ArchiveServer, cache: Path) -> None:
    path = server.add("1.37.2")
    server.answers["/index.yaml" if where == "index" else path] = BAD_ANSWERS[name]
    server.answers["/circle"] = BAD_ANSWERS["a redirect in a circle"]
    with pytest.raises(ControlPlaneError) as caught:
        setup(index=server.index, allow_build=False)
    (line,) = [line for line in str(caught.value).splitlines() if line.startswith("  download ")]
    assert re.match(r"  download +http://127\.0\.0\.1:", line)
    assert line.isprintable()
    assert [entry.name for entry in cache.iterdir()] == [".lock"]


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/x", "HTTP://127.0.0.1:1/x"])
def test_no_way_from_https_to_http(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ArchiveServer() as plain, encrypted(plain, tmp_path, monkeypatch) as url:
        plain.answers["/index.yaml"] = _headers(("Location", target), code=302)
        with pytest.raises(ControlPlaneError, match=r"redirects to .*, which is not encrypted; not followed"):
            download(f"{url}/index.yaml", None, tmp_path, silent)
        name = f"envtest-v1.37.2-{system()}.tar.gz"
        entry = {"hash": "0" * 128, "selfLink": target}
        plain.answers["/index.yaml"] = body(yaml.safe_dump({"releases": {"v1.37.2": {name: entry}}}).encode())
        with pytest.raises(ControlPlaneError, match=r"gives the address .*, which is not encrypted; not followed"):
            download(f"{url}/index.yaml", None, tmp_path, silent)
        assert not [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("archive")]


@contextlib.contextmanager
def encrypted(server: ArchiveServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the same server an https address that this process trusts."""
    authority = CertificateAuthority("test")
    pair = authority.server("127.0.0.1", ["127.0.0.1"])
    (folder / "server.pem").write_bytes(pair.certificate + pair.key)
    (folder / "ca.pem").write_bytes(authority.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    yield server.url.replace("http:", "https:")


def test_a_body_without_end(server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_download, "ARCHIVE_LIMIT", 300_000)

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not server.closing.is_set():
                handler.wfile.write(b"x" * 65536)

    server.answers[server.add("1.37.2")] = endless
    with pytest.raises(ControlPlaneError, match="is larger than 300000 bytes; not used"):
        download(server.index, None, tmp_path, silent)


def test_a_head_that_comes_byte_by_byte(server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "OPEN_TIMEOUT", 0.5)

    def dribble_head(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            while not server.closing.wait(0.05):
                handler.wfile.write(b"H")
                handler.wfile.flush()

    server.answers["/index.yaml"] = dribble_head
    begin = time.monotonic()
    with pytest.raises(ControlPlaneError, match=r"index\.yaml cannot be reached: timed out"):
        download(server.index, None, tmp_path, silent)
    assert time.monotonic() - begin < 20


def test_a_connection_that_breaks_once_is_tried_again(server: ArchiveServer, tmp_path: Path) -> None:
    path, data = server.add("1.37.2"), archive("1.37.2")

    def break_once(handler: object) -> None:
        server.answers[path] = body(data)
        truncated(data, 10)(handler)  # type: ignore[arg-type]

    server.answers[path] = break_once
    assert download(server.index, None, tmp_path, silent)[0] == "1.37.2"
    assert server.requests == ["/index.yaml", path, path]


@pytest.mark.parametrize("where", ["index", "archive"])
@pytest.mark.parametrize("kind", ["silent", "dribbling"])
def test_a_server_that_is_too_slow_is_given_up(
    where: str, kind: str, server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_http, "CONNECT_TIMEOUT", 0.4)
    monkeypatch.setattr(_http, "STALL_TIMEOUT", 0.4)
    slow: Answer = silence(server) if kind == "silent" else dribble(server, pause=0.02)
    path = server.add("1.37.2")
    server.answers["/index.yaml" if where == "index" else path] = slow
    begin = time.monotonic()
    with pytest.raises(ControlPlaneError, match=r"timed out|too slow"):
        download(server.index, None, tmp_path, silent)
    assert time.monotonic() - begin < 20


def test_a_name_that_the_resolver_takes_long_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        released.wait()
        return []

    monkeypatch.setattr(_http, "CONNECT_TIMEOUT", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.monotonic()
    try:
        with pytest.raises(ControlPlaneError, match=r"no address for nowhere\.example in 0\.3 s"):
            download("https://nowhere.example/index.yaml", None, tmp_path, silent)
    finally:
        released.set()
    assert time.monotonic() - begin < 20


def test_a_name_without_an_address_and_a_closed_port(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match=r"cannot be reached: no address for nowhere\.invalid"):
        download("https://nowhere.invalid/index.yaml", None, tmp_path, silent)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ControlPlaneError, match="cannot be reached: Connection refused"):
            download(f"http://127.0.0.1:{taken.getsockname()[1]}/index.yaml", None, tmp_path, silent)


def test_an_address_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match=r"invalid address ftp://x/index\.yaml: use http, https or file"):
        download("ftp://x/index.yaml", None, tmp_path, silent)


def test_the_proxy_of_the_environment_is_used(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.answers["http://archive.example/index.yaml"] = body(b"releases: {}")
    with pytest.raises(ControlPlaneError, match="its newest: nothing"):
        download("http://archive.example/index.yaml", None, tmp_path, silent)
    assert server.requests == ["http://archive.example/index.yaml"]
