from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.envtest import _archive, setup
from kaiwu_runtime.envtest._download import download
from kaiwu_runtime.envtest._progress import silent
from kaiwu_runtime.errors import ControlPlaneError

from .archive_server import ArchiveServer, archive, body, truncated
from .conftest import Recorder


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


def test_the_index_of_the_environment_and_the_option(server: ArchiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("1.37.2")
    monkeypatch.setenv("KAIWU_ENVTEST_INDEX", "http://127.0.0.1:1/other.yaml")
    with pytest.raises(ControlPlaneError, match=r"127\.0\.0\.1:1/other\.yaml cannot be reached"):
        setup(allow_build=False)
    assert setup(index=server.index, allow_build=False).version == "1.37.2"
