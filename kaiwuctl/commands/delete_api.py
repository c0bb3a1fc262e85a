"""`kaiwuctl delete api`."""

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
    controller_only: Annotated[
        bool,
        typer.Option("--controller-only", help="Keep the API type and delete its controllers.", show_default=False),
    ] = False,
    controller_name: Annotated[
        str | None, typer.Option(help="Keep the API type and delete this controller.", metavar="NAME")
    ] = None,
    with_webhooks: Annotated[
        bool,
        typer.Option("--with-webhooks", help="Delete the webhooks of this version, too.", show_default=False),
    ] = False,
    force: DeleteChanged = False,
    make: Make = True,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Delete an API type and its controllers, or the controllers only.

    Deletes what `kaiwuctl create api` wrote for it, and the entries in PROJECT and the kustomization files. If a
    file has changes of yours, or another file imports what would be deleted, nothing is deleted. Clusters are not
    changed.
    """
    # Help and completion need the flags only.
    from kaiwuctl.project.presence import require_project  # noqa: PLC0415
    from kaiwuctl.scaffold.deletion_request import APIDeletionRequest  # noqa: PLC0415

    root = Path.cwd()
    # A directory without a PROJECT is reported before the user is asked anything.
    require_project(root)
    request = APIDeletionRequest(
        group=needed("--group", group, "kaiwu"),
        version=needed("--version", version, "v1"),
        kind=needed("--kind", kind, "KaiwuCluster"),
        controller_only=controller_only,
        controller_name=None if controller_name is None else controller_name.strip(),
        with_webhooks=with_webhooks,
    )
    request.check()
    # A flag that is rejected needs nothing of what reads and writes the project.
    from kaiwuctl.scaffold.delete_api import delete_api  # noqa: PLC0415

    delete_api(root, request, force=force, make=make, dry_run=dry_run, verbose=verbose)
