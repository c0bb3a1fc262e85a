"""`kaiwuctl envtest`: the commands of kaiwu_runtime.envtest with the flags and errors of kaiwuctl."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kaiwu_runtime.envtest._help import FLAGS
from kaiwuctl.console import note, say
from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.options import Verbose


def _help(flag: str) -> str:
    text, default = FLAGS[flag]
    sentence = f"{text[0].upper()}{text[1:]}."
    return f"{sentence}  [default: {default}]" if default else sentence


Version = Annotated[str | None, typer.Option(help=_help("version"), metavar="VERSION")]
ControllerManager = Annotated[bool, typer.Option("--controller-manager", help=_help("controller_manager"))]
NoDownload = Annotated[bool, typer.Option("--no-download", help=_help("no_download"))]
NoBuild = Annotated[bool, typer.Option("--no-build", help=_help("no_build"))]
Index = Annotated[str | None, typer.Option(help=_help("index"), metavar="URL")]


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
    _run(
        "setup",
        version=version,
        controller_manager=controller_manager,
        download=not no_download,
        build=not no_build,
        index=index,
    )


def path(
    *,
    version: Version = None,
    controller_manager: ControllerManager = False,
    verbose: Verbose = False,  # noqa: ARG001
) -> None:
    """Print the directory to set KUBEBUILDER_ASSETS to."""
    _run("path", version=version, controller_manager=controller_manager)


def start(
    *,
    version: Version = None,
    controller_manager: ControllerManager = False,
    no_download: NoDownload = False,
    no_build: NoBuild = False,
    index: Index = None,
    kubeconfig: Annotated[str | None, typer.Option(help=_help("kubeconfig"), metavar="FILE")] = None,
    verbose: Verbose = False,  # noqa: ARG001
) -> None:
    """Start a control plane in the background; use it with: eval "$(kaiwuctl envtest up)"."""
    _run(
        "up",
        version=version,
        controller_manager=controller_manager,
        download=not no_download,
        build=not no_build,
        index=index,
        kubeconfig=None if kubeconfig is None else Path(kubeconfig),
    )


def stop(*, verbose: Verbose = False) -> None:  # noqa: ARG001
    """Stop the control plane in the background."""
    _run("down")


def _run(command: str, **options: Any) -> None:  # noqa: ANN401  (the fields of Options)
    """Run a command of the runtime with its progress on standard error.

    Raises:
        KaiwuctlError: It failed.
    """
    # Help and completion need the flags only.
    from kaiwu_runtime.envtest._commands import Options, run_command  # noqa: PLC0415
    from kaiwu_runtime.envtest._terminal import TerminalProgress  # noqa: PLC0415
    from kaiwu_runtime.errors import KaiwuError  # noqa: PLC0415

    try:
        with TerminalProgress(sys.stderr) as progress:
            lines = run_command(command, Options(**options), progress)
    except KaiwuError as error:
        raise KaiwuctlError(str(error)) from error
    for line in lines:
        (say if line.for_script else note)(line.text)
