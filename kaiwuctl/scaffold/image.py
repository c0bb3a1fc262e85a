"""The image that the pods of a kind run: from the flags of `kaiwuctl create api`, and what PROJECT says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import UsageError
from kaiwuctl.names.image import format_command
from kaiwuctl.names.rule import quoted

if TYPE_CHECKING:
    from kaiwuctl.names.image import DeployImage
    from kaiwuctl.project.model import Resource
    from kaiwuctl.scaffold.api_request import APIRequest

_WIDTH: Final = 120


def image_of(request: APIRequest, recorded: Resource | None) -> DeployImage | None:
    """Return what the pods of a kind run; None for a kind without an image.

    Args:
        request: The values of the flags, which keep the rules.
        recorded: The entry of this version of the kind, or of another one.

    Raises:
        UsageError: The request contradicts PROJECT or itself.
    """
    asked = request.deploy_image
    known = recorded.image if recorded is not None else None
    if asked is None:
        return known
    if recorded is not None and known is None:
        raise UsageError(
            f"--image: PROJECT has {recorded.kind} {recorded.version} with a type of its own; choose another --kind, "
            "or start again after `kaiwuctl delete api`"
        )
    if known is not None:
        _refuse_other(request, asked, known)
        return known
    return asked


def _refuse_other(request: APIRequest, asked: DeployImage, known: DeployImage) -> None:
    pairs = (
        ("--image", asked.image, known.image, True),
        ("--container-port", str(asked.port), str(known.port), request.container_port is not None),
        (
            "--container-command",
            format_command(asked.command),
            format_command(known.command),
            request.container_command is not None,
        ),
        ("--run-as-user", str(asked.user), str(known.user), request.run_as_user is not None),
    )
    for flag, new, old, given in pairs:
        if given and new != old:
            where = "the files of config/manager" if flag == "--image" else "the controller"
            raise UsageError(
                f"{flag} {quoted(new)}: {request.kind} has {quoted(old)} in PROJECT; leave the flag out, and change "
                f"the value in {where}"
            )


def image_variable(kind: str, group_folder: str) -> str:
    """Return the environment variable with the image of a kind: ``MEMCACHED_IMAGE``.

    Args:
        kind: The kind.
        group_folder: The folder of its group in a project with several, where two groups may have the kind; or empty.
    """
    return "_".join(part.upper() for part in (group_folder, kind, "IMAGE") if part)


def image_literal(variable: str, image: str) -> str:
    """Return the image of a kind as `ruff format` lays out the expression: the environment's, or this one."""
    given, default = f'os.environ.get("{variable}")', f'"{image}"'
    line = f"IMAGE = {given} or {default}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join(["IMAGE = (", _unchecked(f"    {given}"), _unchecked(f"    or {default}"), ")"])


def command_literal(command: tuple[str, ...]) -> str:
    """Return a command as `ruff format` lays out a list of strings; empty for none."""
    if not command:
        return ""
    words = [_literal(word) for word in command]
    line = f"COMMAND = [{', '.join(words)}]"
    if len(line) <= _WIDTH:
        return line
    lines = [f"    {word}," for word in words]
    return "\n".join(["COMMAND = [", *(_unchecked(line) for line in lines), "]"])


def _literal(word: str) -> str:
    """Return a string literal with the quotes that need fewer backslashes."""
    quote = "'" if word.count('"') > word.count("'") else '"'
    escaped = word.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return f"{quote}{escaped}{quote}"


def _unchecked(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line}  # noqa: E501"
