"""`kaiwuctl create webhook`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaiwuctl.commands.prompts import needed
from kaiwuctl.options import DryRun, Group, Kind, Make, Overwrite, Verbose


def command(
    *,
    group: Group = None,
    version: Annotated[
        str | None, typer.Option(help="API version; with --conversion, the hub.", metavar="VERSION")
    ] = None,
    kind: Kind = None,
    defaulting: Annotated[
        bool, typer.Option("--defaulting/--no-defaulting", help="Fill in defaults.", show_default=False)
    ] = False,
    validation: Annotated[
        bool,
        typer.Option(
            "--validation/--no-validation",
            "--programmatic-validation/--no-programmatic-validation",
            help="Reject what the schema cannot express.",
            show_default=False,
        ),
    ] = False,
    conversion: Annotated[
        bool,
        typer.Option("--conversion/--no-conversion", help="Convert between the versions.", show_default=False),
    ] = False,
    spoke: Annotated[
        str | None,
        typer.Option(help="Versions that are converted to and from the hub.  [default: all]", metavar="VERSIONS"),
    ] = None,
    certificates: Annotated[
        str | None,
        typer.Option(
            help="Where the certificate comes from: self-signed, cert-manager or none.  [default: self-signed]",
            metavar="SOURCE",
        ),
    ] = None,
    defaulting_path: Annotated[
        str | None, typer.Option(help="Path of the defaulter.  [default: /mutate-...]", metavar="PATH")
    ] = None,
    validation_path: Annotated[
        str | None, typer.Option(help="Path of the validator.  [default: /validate-...]", metavar="PATH")
    ] = None,
    operations: Annotated[
        str | None,
        typer.Option(help="create, update, delete, joined by commas.  [default: create,update]", metavar="OPERATIONS"),
    ] = None,
    force: Overwrite = False,
    make: Make = True,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Scaffold the webhooks of a kind: defaulting, validation, conversion.

    Adds the classes, their test, what config/ needs to deploy them, and enters them in PROJECT. Another webhook
    of the same kind gets a file of its own. The same command again changes nothing.
    """
    # Help and completion need the flags only.
    from kaiwuctl.project.presence import require_project  # noqa: PLC0415
    from kaiwuctl.scaffold.webhook_request import WebhookRequest  # noqa: PLC0415

    root = Path.cwd()
    # A directory without a PROJECT is reported before the user is asked anything.
    require_project(root)
    request = WebhookRequest(
        group=needed("--group", group, "kaiwu"),
        version=needed("--version", version, "v1"),
        kind=needed("--kind", kind, "KaiwuCluster"),
        defaulting=defaulting,
        validation=validation,
        conversion=conversion,
        spokes=_words(spoke),
        certificates=None if certificates is None else certificates.strip(),
        defaulting_path=None if defaulting_path is None else defaulting_path.strip(),
        validation_path=None if validation_path is None else validation_path.strip(),
        operations=None if operations is None else _words(operations.lower()),
    )
    request.check()
    # A flag that is rejected needs nothing of what reads and writes the project.
    from kaiwuctl.scaffold.webhook import scaffold_webhook  # noqa: PLC0415

    scaffold_webhook(root, request, force=force, make=make, dry_run=dry_run, verbose=verbose)


def _words(value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(word.strip() for word in value.split(",")) if value.strip() else ()
