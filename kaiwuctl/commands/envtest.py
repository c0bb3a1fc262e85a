"""`kaiwuctl envtest`: the control plane of kaiwu_runtime.envtest from the command line."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaiwu_runtime.envtest import Binaries, down, locate, setup, up
from kaiwu_runtime.envtest.terminal import TerminalProgress
from kaiwu_runtime.errors import KaiwuError
from kaiwuctl.console import note, say
from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.options import Verbose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kaiwu_runtime.envtest import Progress

Version = Annotated[
    str | None,
    typer.Option(
        help="Kubernetes version: 1.37.2, 1.37.  [default: KAIWU_ENVTEST_VERSION, else what there is]",
        metavar="VERSION",
    ),
]
ControllerManager = Annotated[bool, typer.Option("--controller-manager", help="With kube-controller-manager as well.")]
NoDownload = Annotated[bool, typer.Option("--no-download", help="Do not download the official archive.")]
NoBuild = Annotated[bool, typer.Option("--no-build", help="Do not build from Go modules.")]
Index = Annotated[
    str | None,
    typer.Option(help="Index of the archives.  [default: KAIWU_ENVTEST_INDEX, else the official one]", metavar="URL"),
]


def set_up(
    *,
    version: Version = None,
    controller_manager: ControllerManager = False,
    no_download: NoDownload = False,
    no_build: NoBuild = False,
    index: Index = None,
    verbose: Verbose = False,  # noqa: ARG001  (read by the error boundary)
) -> None:
    """Find, download or build the programs; the first time this may take minutes."""
    with _progress() as progress:
        find = _finder(progress, version, index, controller_manager, download=not no_download, build=not no_build)
        binaries = find()
    note(f"Kubernetes {binaries.version} from {binaries.place}")


def path(
    *,
    version: Version = None,
    controller_manager: ControllerManager = False,
    verbose: Verbose = False,  # noqa: ARG001
) -> None:
    """Print the folder to set KUBEBUILDER_ASSETS to."""
    with _progress():
        binaries = locate(version=version, controller_manager=controller_manager)
    say(str(binaries.directory))


def start(
    *,
    version: Version = None,
    controller_manager: ControllerManager = False,
    no_download: NoDownload = False,
    no_build: NoBuild = False,
    index: Index = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Add the cluster to this kubeconfig file.", metavar="FILE")
    ] = None,
    verbose: Verbose = False,  # noqa: ARG001
) -> None:
    """Start a control plane in the background; use it with: eval "$(kaiwuctl envtest up)"."""
    with _progress() as progress:
        find = _finder(progress, version, index, controller_manager, download=not no_download, build=not no_build)
        background = up(controller_manager=controller_manager, kubeconfig=kubeconfig, find=find, progress=progress)
    state = "runs" if background.started else "runs already"
    source = f", programs from {background.place}" if background.started else ""
    note(f"Kubernetes {background.version} {state} at {background.url} (process {background.pid}{source})")
    say(f"export KUBECONFIG={shlex.quote(str(background.kubeconfig))}")


def stop(*, verbose: Verbose = False) -> None:  # noqa: ARG001
    """Stop the control plane in the background."""
    with _progress() as progress:
        stopped = down(progress=progress)
    note("stopped" if stopped else "no control plane runs")


def _finder(
    progress: Progress,
    version: str | None,
    index: str | None,
    controller_manager: bool,
    *,
    download: bool,
    build: bool,
) -> Callable[[], Binaries]:
    return partial(
        setup,
        version=version,
        controller_manager=controller_manager,
        allow_download=download,
        allow_build=build,
        index=index,
        progress=progress,
    )


@contextmanager
def _progress() -> Iterator[TerminalProgress]:
    """Show progress on standard error, and turn the runtime's errors into the command line's."""
    try:
        with TerminalProgress(sys.stderr) as progress:
            yield progress
    except KaiwuError as error:
        raise KaiwuctlError(str(error)) from error
