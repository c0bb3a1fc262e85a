"""Builds the programs from their Go modules, the way that is left where only package mirrors can be reached.

``modules/`` has a go.mod and a go.sum for Kubernetes and for etcd: the go tool checks every module it
fetches against go.sum, whatever proxy it comes from. See https://go.dev/ref/mod#authenticating
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from kaiwu_runtime.envtest._binaries import (
    API_SERVER,
    CONTROLLER_MANAGER,
    DEFAULT_VERSION,
    ETCD,
)
from kaiwu_runtime.envtest._gotoolchain import data_file
from kaiwu_runtime.envtest._progress import Step
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kaiwu_runtime.envtest._gotoolchain import Toolchain
    from kaiwu_runtime.envtest._progress import Progress

ETCD_VERSION = "3.7.3"
_TICK = 0.25
_TAIL = 15


@dataclass(frozen=True, slots=True)
class Target:
    """One program to build.

    Attributes:
        name: File name of the program.
        package: Go package of its main function.
        module: Folder with go.mod and go.sum.
        version: Shown in the progress line.
        stamp: Values for the linker to set, by variable.
    """

    name: str
    package: str
    module: str
    version: str
    stamp: tuple[tuple[str, str], ...] = ()


def _kubernetes(name: str) -> Target:
    variable = "k8s.io/component-base/version.git"
    major, minor, _ = DEFAULT_VERSION.split(".")
    values = {"Version": f"v{DEFAULT_VERSION}", "Major": major, "Minor": minor}
    stamp = tuple((f"{variable}{name}", value) for name, value in values.items())
    return Target(name, f"k8s.io/kubernetes/cmd/{name}", "kubernetes", DEFAULT_VERSION, stamp)


TARGETS = {
    ETCD: Target(ETCD, "go.etcd.io/etcd/server/v3", "etcd", ETCD_VERSION),
    API_SERVER: _kubernetes(API_SERVER),
    CONTROLLER_MANAGER: _kubernetes(CONTROLLER_MANAGER),
}


def build(targets: Sequence[Target], toolchain: Toolchain, output: Path, progress: Progress) -> list[Path]:
    """Build programs and return their paths.

    Args:
        targets: What to build.
        toolchain: What to build it with.
        output: Directory they are written to; the build happens in it, too.
        progress: Receives one step per program, counted in packages.

    Raises:
        ControlPlaneError: The go tool failed; the message has the end of what it said.
    """
    built = []
    for target in targets:
        with data_file(target.module) as source:
            work = output / f"module-{target.name}"
            shutil.copytree(source, work)
        built.append(_build_one(target, toolchain, work, output / target.name, progress))
    return built


def _build_one(target: Target, toolchain: Toolchain, work: Path, output: Path, progress: Progress) -> Path:
    what = f"{target.name} {target.version}"
    listed = _run(
        [str(toolchain.go), "list", "-deps", target.package],
        toolchain,
        work,
        lambda lines: progress(Step(f"fetching the Go modules of {what}", len(lines), unit="modules")),
    )
    total = len(listed)
    flags = " ".join(["-s", "-w", *(f"-X {variable}={value}" for variable, value in target.stamp)])
    text = f"building {what} from its Go modules"
    progress(Step(text, 0, total, "packages"))
    _run(
        [str(toolchain.go), "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(output), target.package],
        toolchain,
        work,
        lambda lines: progress(Step(text, min(len(lines), total), total, "packages")),
    )
    return output


def _run(argv: list[str], toolchain: Toolchain, work: Path, report: Callable[[list[str]], None]) -> list[str]:
    """Run the go tool, report its lines of standard error as they come, and return its standard output."""
    try:
        process = subprocess.Popen(
            argv,
            cwd=work,
            env=toolchain.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Its compilers are to be ended with it, wherever the signal that ends this process came from.
            start_new_session=True,
        )
    except OSError as error:
        raise ControlPlaneError(f"{argv[0]} cannot be run: {error.strerror}") from error
    output, errors = bytearray(), bytearray()
    try:
        with selectors.DefaultSelector() as selector:
            for stream, buffer in ((process.stdout, output), (process.stderr, errors)):
                selector.register(cast("IO[bytes]", stream), selectors.EVENT_READ, buffer)
            next_report = 0.0
            while selector.get_map():
                for key, _ in selector.select(_TICK):
                    data = os.read(key.fd, 65536)
                    if data:
                        key.data.extend(data)
                    else:
                        selector.unregister(key.fileobj)
                if time.monotonic() >= next_report:
                    report(errors.decode(errors="replace").splitlines())
                    next_report = time.monotonic() + _TICK
        process.wait()
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    if process.returncode != 0:
        said = [line for line in errors.decode(errors="replace").splitlines() if not line.startswith("go: downloading")]
        tail = "\n    ".join(said[-_TAIL:]) or "(it said nothing)"
        raise ControlPlaneError(f"`go {' '.join(argv[1:3])}` failed (exit status {process.returncode}):\n    {tail}")
    return output.decode(errors="replace").splitlines()
