from __future__ import annotations

import contextlib
import io
import re
import socket
import ssl
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.envtest import _archive, _download, _http, setup
from kaiwu_runtime.envtest._binaries import system
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.envtest._download import download
from kaiwu_runtime.envtest._progress import silent
from kaiwu_runtime.errors import ControlPlaneError

from .archive_server import Answer, ArchiveServer, archive, body, dribble, silence, truncated
from .conftest import Recorder


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with ArchiveServer() as running:
        yield running


def test_a_good_archive_is_unpacked_into_the_cache(
    server: ArchiveServer, versioned: Callable[[str], Path], cache: Path, recorder: Recorder
) -> None:
    path = server.add("1.37.2")
    found = setup(index=server.index, allow_build=False, progress=recorder)
    folder = versioned("1.37.2")
    assert found.version == "1.37.2"
    assert found.place == f"a download into {folder}"
    assert sorted(entry.name for entry in folder.iterdir()) == ["etcd", "kube-apiserver", "kubectl"]
    assert not found.etcd.is_symlink(), "the link of the same name in the archive is not followed"
    last = recorder.steps[-1]
    assert (last.unit, last.done) == ("bytes", last.total)
    assert sorted(entry.name for entry in cache.iterdir()) == [".lock", folder.name]

    again = setup(index=server.index, progress=recorder)
    assert again.place == f"the cache {folder}"
    assert server.requests == ["/index.yaml", path]


def _wrong_checksum(server: ArchiveServer) -> None:
    server.add("1.37.2", sha512="0" * 128)


def _truncated(server: ArchiveServer) -> None:
    data = archive("1.37.2")
    server.answers[server.add("1.37.2")] = truncated(data, len(data) // 2)


def _gone(server: ArchiveServer) -> None:
    del server.answers[server.add("1.37.2")]


def _no_index(server: ArchiveServer) -> None:
    server.answers.clear()


def _not_an_archive(server: ArchiveServer) -> None:
    server.add("1.37.2", b"<html>Please log in to the proxy</html>")


def _archive_without_etcd(server: ArchiveServer) -> None:
    server.add("1.37.2", archive("1.37.2", names=("kube-apiserver",)))


def _program_that_fails(server: ArchiveServer) -> None:
    server.add("1.37.2", archive("1.37.2", script="exit 5"))


def _index(text: str) -> Callable[[ArchiveServer], None]:
    def change(server: ArchiveServer) -> None:
        server.answers["/index.yaml"] = body(text.encode())

    return change


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(_wrong_checksum, "has SHA-512 .{16}…, the index says 0000000000000000…; not used", id="checksum"),
        pytest.param(_truncated, r"ended after \d+ of \d+ bytes", id="truncated"),
        pytest.param(_gone, r"envtest-v1\.37\.2-\S+ answered 404 Not Found", id="archive missing"),
        pytest.param(_no_index, r"/index\.yaml answered 404 Not Found", id="index missing"),
        pytest.param(_not_an_archive, "is not an archive that can be unpacked", id="a web page"),
        pytest.param(_archive_without_etcd, "lacks etcd", id="no etcd"),
        pytest.param(_program_that_fails, r"did not answer with a Kubernetes version \(exit 5\)", id="does not run"),
        pytest.param(_index("a: [b"), "is not YAML; is this the address of the index", id="index broken"),
        pytest.param(_index("<html></html>"), "has no `releases`", id="index a web page"),
        pytest.param(_index("releases: {}"), "has no Kubernetes  ?for .*its newest: nothing", id="index empty"),
        pytest.param(_index("releases: {v1.37.2: {x: 1}}"), "has no Kubernetes", id="no archive for this machine"),
    ],
)
def test_a_fault_leaves_the_cache_empty_and_is_named(
    fault: Callable[[ArchiveServer], None], reason: str, server: ArchiveServer, cache: Path
) -> None:
    fault(server)
    with pytest.raises(ControlPlaneError, match=rf"download +http[\s\S]*{reason}"):
        setup(index=server.index, allow_build=False)
    assert [entry.name for entry in cache.iterdir()] == [".lock"]


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


def test_an_index_cannot_point_to_a_file_of_this_machine(server: ArchiveServer, tmp_path: Path) -> None:
    server.add("1.37.2")
    ((name, entry),) = server.releases["v1.37.2"].items()
    releases = {"v1.37.2": {name: {**entry, "selfLink": "file:///etc/passwd"}}}
    server.answers["/index.yaml"] = body(yaml.safe_dump({"releases": releases}).encode())
    with pytest.raises(ControlPlaneError, match="gives the address file:///etc/passwd, which is not an https address"):
        download(server.index, None, tmp_path, silent)


@pytest.mark.parametrize("address", ["http://[x/index.yaml", "http://127.0.0.1:port/index.yaml", "http:///x", "x", ""])
def test_an_address_that_is_none(address: str, tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match=r"invalid address|cannot be reached"):
        download(address, None, tmp_path, silent)


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


@pytest.mark.parametrize("member", ["kube-apiserver", "padding"])
def test_an_archive_that_unpacks_to_more_than_a_disk(
    member: str, server: ArchiveServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_archive, "PROGRAMS_LIMIT", 1_000_000)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(f"controller-tools/envtest/{member}")
        info.size = 50_000_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    server.add("1.37.2", buffer.getvalue())
    with pytest.raises(ControlPlaneError, match="unpacks to more than 1000000 bytes; not used"):
        setup(index=server.index, allow_build=False)
    assert [entry.name for entry in cache.iterdir()] == [".lock"]


def test_members_of_other_kinds_are_passed_over(server: ArchiveServer, tmp_path: Path) -> None:
    """Links, devices and paths that lead out, each before the file of the same name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("x/etcd")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name in ("../../etcd", "/tmp/kube-apiserver", "x/other"):
            data = b"#!/bin/sh\necho Kubernetes v1.37.2\n"
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o4777
            tar.addfile(info, io.BytesIO(data))
    server.add("1.37.2", buffer.getvalue())
    (tmp_path / "a" / "b").mkdir(parents=True)
    _, files = download(server.index, None, tmp_path / "a" / "b", silent)
    assert sorted(file.name for file in files) == ["etcd", "kube-apiserver"]
    assert [file for file in files if file.is_symlink() or file.stat().st_mode & 0o7777 != 0o755] == []
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["a", "b", "etcd", "kube-apiserver"]


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
    assert time.monotonic() - begin < 5


def test_no_password_of_an_address_is_shown(tmp_path: Path, recorder: Recorder) -> None:
    address = "http://ann:hunter2@127.0.0.1:1/index.yaml?token=hunter2#hunter2"
    with pytest.raises(ControlPlaneError, match=r"http://127\.0\.0\.1:1/index\.yaml cannot be reached") as caught:
        download(address, None, tmp_path, recorder)
    assert "hunter2" not in str(caught.value)
    assert recorder.texts == ["reading the index of envtest archives http://127.0.0.1:1/index.yaml"]


@pytest.mark.parametrize(
    "text",
    ["releases: " + "[" * 5000, "releases: !!int x", "releases: 2001-99-99", "? {a: b}\n: c", "releases: &a [*a]"],
    ids=["deep", "no number", "no date", "a mapping as a key", "recursion"],
)
def test_an_index_that_is_hostile(text: str, server: ArchiveServer, tmp_path: Path) -> None:
    server.answers["/index.yaml"] = body(text.encode())
    with pytest.raises(ControlPlaneError, match=r"index\.yaml (is not YAML|has no `releases`)"):
        download(server.index, None, tmp_path, silent)


def test_an_unknown_version_names_what_there_is(server: ArchiveServer) -> None:
    for version in ("1.36.0", "1.36.2", "1.37.2"):
        server.add(version)
    with pytest.raises(
        ControlPlaneError, match=r"has no Kubernetes 1\.99 for \S+; its newest: 1\.36\.0, 1\.36\.2, 1\.37\.2"
    ):
        setup(version="1.99", index=server.index, allow_build=False)


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["1.36.0", "1.37.2", "1.38.0"], None, "1.37.2"),
        (["1.36.0", "1.37.0", "1.37.1", "1.38.0"], None, "1.37.1"),
        (["1.35.0", "1.36.10", "1.36.9"], None, "1.36.10"),
        (["1.36.10", "1.36.9", "1.37.2"], "1.36", "1.36.10"),
        (["1.36.10", "1.36.9", "1.37.2"], "1.36.9", "1.36.9"),
    ],
    ids=["the default", "its minor version", "the newest", "a minor version", "an exact version"],
)
def test_choice_of_the_archive(
    offered: list[str], wanted: str | None, chosen: str, server: ArchiveServer, tmp_path: Path
) -> None:
    for version in offered:
        server.add(version)
    assert download(server.index, wanted, tmp_path, silent)[0] == chosen


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
    assert time.monotonic() - begin < 5


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
    assert time.monotonic() - begin < 3


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


def test_a_mirror_in_a_folder(server: ArchiveServer, tmp_path: Path) -> None:
    server.add("1.37.2")
    ((name, entry),) = server.releases["v1.37.2"].items()
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / name).write_bytes(archive("1.37.2"))
    index = f"releases: {{v1.37.2: {{{name}: {{hash: {entry['hash']}, selfLink: {name}}}}}}}"
    (mirror / "index.yaml").write_text(index, encoding="utf-8")
    (tmp_path / "out").mkdir()
    assert download((mirror / "index.yaml").as_uri(), None, tmp_path / "out", silent)[0] == "1.37.2"


def test_the_proxy_of_the_environment_is_used(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.answers["http://archive.example/index.yaml"] = body(b"releases: {}")
    with pytest.raises(ControlPlaneError, match="its newest: nothing"):
        download("http://archive.example/index.yaml", None, tmp_path, silent)
    assert server.requests == ["http://archive.example/index.yaml"]


def test_the_index_of_the_environment_and_the_option(server: ArchiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("1.37.2")
    monkeypatch.setenv("KAIWU_ENVTEST_INDEX", "http://127.0.0.1:1/other.yaml")
    with pytest.raises(ControlPlaneError, match=r"127\.0\.0\.1:1/other\.yaml cannot be reached"):
        setup(allow_build=False)
    assert setup(index=server.index, allow_build=False).version == "1.37.2"
