"""`kaiwuctl completion`."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from kaiwuctl.console import say
from kaiwuctl.errors import UsageError
from kaiwuctl.names.rule import quoted
from kaiwuctl.options import COMPLETION_VARIABLE, Verbose

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


def command(
    shell: Annotated[str, typer.Argument(help="bash, zsh, fish, powershell or pwsh", metavar="SHELL")] = "",
    *,
    verbose: Verbose = False,  # noqa: ARG001  (read by the error boundary)
) -> None:
    """Print the completion script of a shell.

    For this session of bash: source <(kaiwuctl completion bash). To keep it, put that line into ~/.bashrc.
    """
    if shell not in SHELLS:
        problem = f"shell {quoted(shell)} is not supported" if shell else "the shell is missing"
        raise UsageError(f"completion: {problem}; write `kaiwuctl completion bash`, or one of {', '.join(SHELLS[1:])}")
    say(get_completion_script(prog_name="kaiwuctl", complete_var=COMPLETION_VARIABLE, shell=shell))
