"""The commands. One module and one row each; a module is imported when its command is used.

A module has a function ``command``, typer style, or an ``app`` when the command has subcommands of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A command.

    Attributes:
        path: The words it is called by.
        module: Where it is.
        summary: One line for the list of commands.
    """

    path: tuple[str, ...]
    module: str
    summary: str


COMMANDS = (
    Row(("init",), "kaiwuctl.commands.init", "Start a new project in this folder"),
    Row(("create", "api"), "kaiwuctl.commands.create_api", "Scaffold an API type and its controller"),
    Row(("envtest",), "kaiwuctl.commands.envtest", "Run a local etcd and kube-apiserver"),
    Row(("completion",), "kaiwuctl.commands.completion", "Print the completion script of a shell"),
    Row(("version",), "kaiwuctl.commands.version", "Print the version"),
)

GROUPS: dict[tuple[str, ...], str] = {("create",): "Scaffold an API"}
