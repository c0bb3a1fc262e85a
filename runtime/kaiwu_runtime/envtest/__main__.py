"""``python -m kaiwu_runtime.envtest``: sets up, starts and stops a control plane from a shell."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kaiwu_runtime.envtest.background import down, up
from kaiwu_runtime.envtest.binaries import Binaries, locate
from kaiwu_runtime.envtest.provision import setup
from kaiwu_runtime.envtest.terminal import TerminalProgress
from kaiwu_runtime.errors import KaiwuError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaiwu_runtime.envtest.progress import Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 for a failure, 2 for wrong use, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    # A terminated set-up has things to clean away just like an interrupted one.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with TerminalProgress(sys.stderr) as progress:
            lines = _run(options, progress)
    except KaiwuError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was changed", file=sys.stderr)  # noqa: T201
        return 130
    for text, stream in lines:
        print(text, file=stream)
    return 0


def _run(options: argparse.Namespace, progress: Progress) -> list[tuple[str, TextIO]]:
    """Return the lines to print and where: only what a script would use goes to standard output."""
    if options.command == "path":
        binaries = locate(version=options.version, controller_manager=options.controller_manager)
        return [(str(binaries.directory), sys.stdout)]
    if options.command == "down":
        return [("stopped" if down(progress=progress) else "no control plane runs", sys.stderr)]
    find = partial(
        setup,
        version=options.version,
        controller_manager=options.controller_manager,
        allow_download=not options.no_download,
        allow_build=not options.no_build,
        index=options.index,
        progress=progress,
    )
    if options.command == "setup":
        return [(_found(find()), sys.stderr)]
    background = up(
        controller_manager=options.controller_manager,
        kubeconfig=options.kubeconfig,
        find=find,
        progress=progress,
    )
    state = "runs" if background.started else "runs already"
    version = f"Kubernetes {background.version} {state} at {background.url}"
    source = f", programs from {background.place}" if background.started else ""
    return [
        (f"{version} (process {background.pid}{source})", sys.stderr),
        (f"export KUBECONFIG={shlex.quote(str(background.kubeconfig))}", sys.stdout),
    ]


def _found(binaries: Binaries) -> str:
    return f"Kubernetes {binaries.version} from {binaries.place}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kaiwu_runtime.envtest",
        description="A real etcd and kube-apiserver on this machine, for tests and for trying things out.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    wanted = argparse.ArgumentParser(add_help=False)
    version = "Kubernetes version, such as 1.37.2 or 1.37 (default: KAIWU_ENVTEST_VERSION, else what there is)"
    wanted.add_argument("--version", metavar="VERSION", help=version)
    wanted.add_argument("--controller-manager", action="store_true", help="kube-controller-manager as well")
    sources = argparse.ArgumentParser(add_help=False)
    sources.add_argument("--no-download", action="store_true", help="do not download the official archive")
    sources.add_argument("--no-build", action="store_true", help="do not build from Go modules")
    index = "index of the archives (default: KAIWU_ENVTEST_INDEX, else the official one)"
    sources.add_argument("--index", metavar="URL", help=index)
    commands.add_parser("setup", parents=[wanted, sources], help="find, download or build the programs")
    commands.add_parser("path", parents=[wanted], help="print the directory to set KUBEBUILDER_ASSETS to")
    start = commands.add_parser("up", parents=[wanted, sources], help="start a control plane in the background")
    start.add_argument("--kubeconfig", type=Path, metavar="FILE", help="add the cluster to this kubeconfig file")
    commands.add_parser("down", help="stop the control plane in the background")
    return parser


if __name__ == "__main__":
    sys.exit(main())
