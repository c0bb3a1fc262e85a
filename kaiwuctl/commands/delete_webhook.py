"""`kaiwuctl delete webhook`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaiwuctl.commands.prompts import needed
from kaiwuctl.options import DeleteChanged, DryRun, Group, Kind, Make, Verbose, Version


def command(
    *,
    group: Group = None,
    version: Version = None,
    kind: Kind = None,
    defaulting: Annotated[
        bool, typer.Option("--defaulting/--no-defaulting", help="Delete the defaulter.", show_default=False)
    ] = False,
    validation: Annotated[
        bool,
        typer.Option(
            "--validation/--no-validation",
            "--programmatic-validation/--no-programmatic-validation",
            help="Delete the validator.",
            show_default=False,
        ),
    ] = False,
    conversion: Annotated[
        bool,
        typer.Option("--conversion/--no-conversion", help="Delete the conversions.", show_default=False),
    ] = False,
    force: DeleteChanged = False,
    make: Make = True,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Delete webhooks of a kind: all of them, or those that are named.

    Deletes what `kaiwuctl create webhook` wrote for them, and with the last webhook of the project config/webhook.
    If a file has changes of yours, or another file imports what would be deleted, nothing is deleted. Clusters are
    not changed.
    """
    # Help and completion need the flags only.
    from kaiwuctl.project.presence import require_project  # noqa: PLC0415
    from kaiwuctl.scaffold.webhook_deletion_request import WebhookDeletionRequest  # noqa: PLC0415

    root = Path.cwd()
    # A directory without a PROJECT is reported before the user is asked anything.
    require_project(root)
    request = WebhookDeletionRequest(
        group=needed("--group", group, "kaiwu"),
        version=needed("--version", version, "v1"),
        kind=needed("--kind", kind, "KaiwuCluster"),
        defaulting=defaulting,
        validation=validation,
        conversion=conversion,
    )
    request.check()
    # A flag that is rejected needs nothing of what reads and writes the project.
    from kaiwuctl.scaffold.delete_webhook import delete_webhook  # noqa: PLC0415

    delete_webhook(root, request, force=force, make=make, dry_run=dry_run, verbose=verbose)
