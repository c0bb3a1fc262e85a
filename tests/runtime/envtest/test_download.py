from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import download as module
from kaiwu_runtime.envtest import setup
from kaiwu_runtime.envtest.download import download
from kaiwu_runtime.envtest.progress import silent
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
        pytest.param(_not_an_archive, "is no archive that can be unpacked", id="a web page"),
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
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.4)
    monkeypatch.setattr(module, "STALL_TIMEOUT", 0.4)
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

    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.3)
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
    with pytest.raises(ControlPlaneError, match=r"ftp://x/index\.yaml is no http, https or file address"):
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
