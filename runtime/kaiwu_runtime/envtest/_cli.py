"""``python -m kaiwu_runtime.envtest``: sets up, starts and stops a control plane from a shell."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kaiwu_runtime.envtest._commands import Options, run_command
from kaiwu_runtime.envtest._help import FLAGS
from kaiwu_runtime.envtest._terminal import TerminalProgress
from kaiwu_runtime.errors import KaiwuError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 for a failure, 2 for wrong use."""
    parsed = _parser().parse_args(arguments)
    try:
        with TerminalProgress(sys.stderr) as progress:
            lines = run_command(parsed.command, _options(parsed), progress)
    except KaiwuError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    for line in lines:
        print(line.text, file=sys.stdout if line.for_script else sys.stderr)
    return 0


def _options(parsed: argparse.Namespace) -> Options:
    flags = vars(parsed)
    return Options(
        version=flags.get("version"),
        controller_manager=flags.get("controller_manager", False),
        download=not flags.get("no_download", False),
        build=not flags.get("no_build", False),
        index=flags.get("index"),
        kubeconfig=flags.get("kubeconfig"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kaiwu_runtime.envtest",
        description="A real etcd and kube-apiserver on this machine, for tests and for trying things out.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    wanted = argparse.ArgumentParser(add_help=False)
    wanted.add_argument("--version", metavar="VERSION", help=_help("version"))
    wanted.add_argument("--controller-manager", action="store_true", help=_help("controller_manager"))
    sources = argparse.ArgumentParser(add_help=False)
    sources.add_argument("--no-download", action="store_true", help=_help("no_download"))
    sources.add_argument("--no-build", action="store_true", help=_help("no_build"))
    sources.add_argument("--index", metavar="URL", help=_help("index"))
    commands.add_parser("setup", parents=[wanted, sources], help="find, download or build the programs")
    commands.add_parser("path", parents=[wanted], help="print the directory to set KUBEBUILDER_ASSETS to")
    start = commands.add_parser("up", parents=[wanted, sources], help="start a control plane in the background")
    start.add_argument("--kubeconfig", type=Path, metavar="FILE", help=_help("kubeconfig"))
    commands.add_parser("down", help="stop the control plane in the background")
    return parser


def _help(flag: str) -> str:
    text, default = FLAGS[flag]
    return f"{text} (default: {default})" if default else text
