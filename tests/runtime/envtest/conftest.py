"""An empty cache for every test, pretended programs, and the real ones for the tests that start them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import Binaries, locate
from kaiwu_runtime.envtest._binaries import system
from kaiwu_runtime.envtest._progress import Step
from kaiwu_runtime.errors import ControlPlaneError

from .archive_server import ArchiveServer


@pytest.fixture(scope="session")
def real_binaries() -> Binaries:
    """etcd and kube-apiserver as the session finds them, before a test hides the cache."""
    try:
        return locate()
    except ControlPlaneError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no variable that points elsewhere, and a PATH without etcd, kube-apiserver and go."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("KAIWU_ENVTEST", "KUBEBUILDER", "XDG_CACHE")):
            monkeypatch.delenv(name)
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KAIWU_ENVTEST_DIR", str(directory))
    monkeypatch.setenv("PATH", os.defpath)
    return directory


@pytest.fixture
def versioned(cache: Path) -> Callable[[str], Path]:
    """Returns the folder of a version in the cache."""
    return lambda version: cache / f"{version}-{system()}"


def write_program(path: Path, script: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def pretend(directory: Path, version: str = "1.30.0", *, without: str = "", manager: bool = False) -> Path:
    """Fill a directory with programs that only tell their version."""
    names = ["etcd", "kube-apiserver", *(["kube-controller-manager"] if manager else [])]
    for name in names:
        if name != without:
            write_program(directory / name, f"echo Kubernetes v{version}")
    return directory


class Recorder:
    """A progress callback that remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.steps.append(step)

    @property
    def texts(self) -> list[str]:
        """The steps in words, each once."""
        return list(dict.fromkeys(step.text for step in self.steps))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def wait_for(condition: Callable[[], object], what: str, *, seconds: float = 15.0) -> None:
    """Wait until a condition holds, or fail saying what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not after {seconds:g} s: {what}")
        time.sleep(0.02)


def processes_below(directory: Path) -> list[str]:
    """Return the command lines of the live processes whose arguments name a directory."""
    if Path("/proc/self/cmdline").exists():
        lines = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    else:
        listed = subprocess.run(["ps", "-axww", "-o", "command="], capture_output=True, text=True, check=True)
        lines = listed.stdout.splitlines()
    return [line for line in lines if str(directory) in line]


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that temporary files of started programs go to, so that a leftover is seen."""
    directory = tmp_path_factory.mktemp("tmp")
    monkeypatch.setenv("TMPDIR", str(directory))
    yield directory
    wait_for(lambda: not processes_below(directory), f"processes of {directory} end")


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with ArchiveServer() as running:
        yield running
