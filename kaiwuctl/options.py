"""Command lines as people coming from operator-sdk type them.

Go's flag library, which operator-sdk uses, writes a boolean as `--resource`, `--resource=true` or
`--resource=false`. It knows no `--no-resource`, and takes `--resource false` for true and an argument. Here
all spellings work, and that mistake is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from kaiwuctl.errors import UsageError
from kaiwuctl.names.rule import quoted, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPLETION_VARIABLE = "_KAIWUCTL_COMPLETE"
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# https://pkg.go.dev/strconv#ParseBool
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class Command(TyperCommand):
    """A command that takes operator-sdk's spellings and notices a flag whose value was forgotten."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  (typer names no public type)
        """Parse the arguments after they have been brought into typer's spelling."""
        booleans: dict[str, str] = {}
        valued: set[str] = set()
        for parameter in self.params:
            if getattr(parameter, "is_bool_flag", False):
                negative = next((name for name in parameter.secondary_opts if name.startswith("--")), "")
                booleans |= {name: negative for name in parameter.opts if name.startswith("--")}
            elif parameter.param_type_name == "option":
                valued.update(parameter.opts)
        known = {*booleans, *booleans.values(), *valued, *ctx.help_option_names}
        if not ctx.resilient_parsing:
            args = rewrite(args, booleans=booleans, valued=valued, known=known)
        skip_coercion(self.get_params(ctx))
        return super().parse_args(ctx, args)


class _Unconverted:
    """What typer converts a value with: here, nothing."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401, ARG002
        return value


def skip_coercion(parameters: Sequence[Any]) -> None:
    """Let typer take texts and booleans as they were parsed.

    It converts every value with pydantic, which takes longer to import than a rejected flag takes to report, and
    values of these two types need no conversion.

    Args:
        parameters: Those of a command, the one of ``--help`` included.
    """
    for parameter in parameters:
        descriptor = getattr(parameter, "type_descriptor", None)
        if getattr(descriptor, "annotation", None) in {str, bool}:
            # A typer that does not know the method does not convert that way either.
            parameter.get_runtime_param = _Unconverted


def rewrite(args: list[str], *, booleans: Mapping[str, str], valued: set[str], known: set[str]) -> list[str]:
    """Return `args` in typer's spelling.

    Args:
        args: As typed.
        booleans: Every boolean flag with the flag that negates it, or the empty string.
        valued: Every flag that takes a value.
        known: Every flag of the command.

    Raises:
        UsageError: A boolean has an invalid value, or a value after a space; a flag lacks its value; an argument has
            a NUL character.
    """
    for arg in args:
        # No shell can pass one, but a program that calls `main` can, and no file has such a name.
        if "\0" in arg:
            raise UsageError(f"{quoted(arg)}: an argument must not have a NUL character; leave it out")
    result: list[str] = []
    position = 0
    while position < len(args):
        arg = args[position]
        position += 1
        if arg == "--":
            return [*result, arg, *args[position:]]
        name, equals, value = arg.partition("=")
        following = args[position] if position < len(args) else None
        if name in booleans and equals:
            result += _boolean(name, value, booleans[name])
        elif name in booleans and following in _TRUE | _FALSE:
            raise UsageError(f"{name} {following}: a boolean takes its value after an equals sign: {name}={following}")
        elif name in valued and not equals:
            if following is None:
                raise UsageError(f"{name}: its value is missing; write {name} VALUE or {name}=VALUE")
            if following.startswith("-") and following.partition("=")[0] in known:
                raise UsageError(f"{name}: its value is missing, the flag {following} follows; write {name} VALUE")
            result += [arg, following]
            position += 1
        else:
            result.append(arg)
    return result


def _boolean(name: str, value: str, negative: str) -> list[str]:
    if value in _TRUE:
        return [name]
    if value in _FALSE:
        # A flag without a negative form is off when it is absent.
        return [negative] if negative else []
    raise UsageError(f"{name}={shortened(value)}: {quoted(value)} is not a boolean; write {name}=true or {name}=false")


Verbose = Annotated[bool, typer.Option("--verbose", help="Print more, and the traceback of an error.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, with diffs, and stop.")]
Make = Annotated[
    bool,
    typer.Option(
        "--make/--no-make", help="Run `make generate manifests` afterwards.  [default: true]", show_default=False
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--force/--no-force", help="Overwrite files that differ, and list them.", show_default=False)
]
DeleteChanged = Annotated[
    bool, typer.Option("--force/--no-force", help="Delete files with changes of yours, too.", show_default=False)
]
Group = Annotated[str | None, typer.Option(help="API group without the domain.", metavar="GROUP")]
Version = Annotated[str | None, typer.Option(help="API version: v1, v1beta2.", metavar="VERSION")]
Kind = Annotated[str | None, typer.Option(help="Kind: KaiwuCluster.", metavar="KIND")]
