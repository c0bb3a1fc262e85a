"""The commands of the local control plane, for ``python -m kaiwu_runtime.envtest`` and ``kaiwuctl envtest``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kaiwu_runtime.envtest._background import down, up
from kaiwu_runtime.envtest._binaries import locate
from kaiwu_runtime.envtest._provision import setup

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest._progress import Progress


class Line(NamedTuple):
    """A line of output.

    Attributes:
        text: Without a newline.
        for_script: Whether a script reads it: it belongs on standard output, any other on standard error.
    """

    text: str
    for_script: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags of a command.

    Attributes:
        version: Kubernetes version; None takes KAIWU_ENVTEST_VERSION, else what there is.
        controller_manager: Whether kube-controller-manager is needed as well.
        download: Whether the official archive may be downloaded.
        build: Whether the programs may be built from Go modules.
        index: URL of the index of the archives; None takes KAIWU_ENVTEST_INDEX, else the official one.
        kubeconfig: A kubeconfig file to add the cluster to.
    """

    version: str | None = None
    controller_manager: bool = False
    download: bool = True
    build: bool = True
    index: str | None = None
    kubeconfig: Path | None = None


def run_command(command: str, options: Options, progress: Progress) -> list[Line]:
    """Run a command and return what it prints.

    Args:
        command: ``setup``, ``path``, ``up`` or ``down``.
        options: Its flags.
        progress: Receives the steps that take long.

    Raises:
        KaiwuError: It failed; the message is one line.
    """
    if command == "path":
        binaries = locate(version=options.version, controller_manager=options.controller_manager)
        return [Line(str(binaries.directory), for_script=True)]
    if command == "down":
        return [Line("stopped" if down(progress=progress) else "no control plane runs")]
    find = partial(
        setup,
        version=options.version,
        controller_manager=options.controller_manager,
        allow_download=options.download,
        allow_build=options.build,
        index=options.index,
        progress=progress,
    )
    if command == "setup":
        binaries = find()
        return [Line(f"Kubernetes {binaries.version} from {binaries.place}")]
    background = up(
        controller_manager=options.controller_manager,
        kubeconfig=options.kubeconfig,
        find=find,
        progress=progress,
    )
    state = "runs" if background.started else "runs already"
    source = f", programs from {background.place}" if background.started else ""
    return [
        Line(f"Kubernetes {background.version} {state} at {background.url} (process {background.pid}{source})"),
        Line(f"export KUBECONFIG={shlex.quote(str(background.kubeconfig))}", for_script=True),
    ]
