"""`kaiwuctl completion`."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from kaiwuctl.console import say
from kaiwuctl.errors import UsageError
from kaiwuctl.names.rule import quoted

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


def command(
    shell: Annotated[str, typer.Argument(help="bash, zsh, fish, powershell or pwsh", metavar="SHELL")] = "",
) -> None:
    """Print the completion script of a shell.

    For bash: source <(kaiwuctl completion bash). To keep it, write the output to the folder from which your
    shell loads completions; `kaiwuctl --install-completion` does that for the shell it runs in.
    """
    if shell not in SHELLS:
        problem = f"shell {quoted(shell)} is not supported" if shell else "the shell is missing"
        raise UsageError(
            f"completion: {problem}; write `kaiwuctl completion bash`, or one of {', '.join(SHELLS[1:])}"
        )
    say(get_completion_script(prog_name="kaiwuctl", complete_var="_KAIWUCTL_COMPLETE", shell=shell))
