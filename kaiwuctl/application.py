"""Builds the typer application out of the table of commands, importing only the command that is called."""

from __future__ import annotations

import importlib
import os
from typing import Annotated, Any

import typer
from typer.completion import get_completion_inspect_parameters
from typer.core import TyperGroup

from kaiwuctl.commands import COMMANDS, GROUPS, Row
from kaiwuctl.errors import UsageError
from kaiwuctl.names.rule import quoted
from kaiwuctl.options import COMPLETION_VARIABLE, CONTEXT, Command, skip_coercion


class Group(TyperGroup):
    """A group of commands that are looked up in the table.

    Attributes:
        path: The words in front of its commands; empty for the whole application.
    """

    path: tuple[str, ...] = ()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002  (typer names no public type)
        """Return the names of the commands, in the order of the table."""
        return list(self._rows())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """Import a command, or return None when there is none of that name."""
        entry = self._rows().get(cmd_name)
        if entry is None:
            return None
        return _group(entry) if isinstance(entry, tuple) else load(entry)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Parse the flags in front of the command."""
        skip_coercion(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Find the command; one that does not exist is reported with the nearest that does."""
        if args and args[0] not in self._rows():
            from difflib import get_close_matches  # noqa: PLC0415  (only a mistake needs it)

            whole = " ".join(("kaiwuctl", *self.path))
            near = get_close_matches(args[0], self._rows())
            hint = f"did you mean `{whole} {near[0]}`?" if near else f"`{whole} --help` lists them"
            kind = "flag" if args[0].startswith("-") else "command"
            raise UsageError(f"unknown {kind} {quoted(args[0])} for {whole}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        """List the commands with the summaries of the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(entry)) for name, entry in self._rows().items()])

    def _rows(self) -> dict[str, Row | tuple[str, ...]]:
        """Return the next word of every command below this group: a row, or the path of another group."""
        depth = len(self.path)
        rows: dict[str, Row | tuple[str, ...]] = {}
        for row in COMMANDS:
            if row.path[:depth] == self.path:
                word = row.path[depth]
                rows[word] = row if len(row.path) == depth + 1 else row.path[: depth + 1]
        return rows


def build() -> Any:  # noqa: ANN401  (typer names no public type)
    """Return the application."""
    if COMPLETION_VARIABLE in os.environ:
        # Registers typer's completion for the shells, without its --install-completion: `completion` is ours.
        get_completion_inspect_parameters()
    return _group(())


def _group(path: tuple[str, ...]) -> Any:  # noqa: ANN401
    cls = type("Group", (Group,), {"path": path})
    name = path[-1] if path else "kaiwuctl"
    app = typer.Typer(
        name=name,
        cls=cls,
        help=f"{GROUPS[path].rstrip('.')}.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        no_args_is_help=False,
        invoke_without_command=True,
    )
    app.callback()(_root if not path else _subgroup)
    return typer.main.get_command(app)


def _root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print more, and the traceback of an error.")] = False,
) -> None:
    # `--verbose` is read by the error boundary, which has to know before anything is parsed.
    del verbose
    if version:
        importlib.import_module("kaiwuctl.commands.version").command()
        raise typer.Exit
    _subgroup(context)


def _subgroup(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def load(row: Row) -> Any:  # noqa: ANN401
    """Import a command of the table and return it as typer's command object."""
    function = getattr(importlib.import_module(row.module), row.function)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(row.path[-1], cls=Command, context_settings=CONTEXT)(function)
    return typer.main.get_command(app)


def _summary(entry: Row | tuple[str, ...]) -> str:
    return GROUPS[entry] if isinstance(entry, tuple) else entry.summary
