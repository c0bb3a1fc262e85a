"""`kaiwuctl edit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaiwuctl.options import DryRun, Make, Verbose


def command(
    *,
    multigroup: Annotated[
        bool | None,
        typer.Option(
            "--multigroup/--no-multigroup",
            help="One directory per API group below api/ and controllers/, or one for all.",
            show_default=False,
        ),
    ] = None,
    namespaced: Annotated[
        bool | None,
        typer.Option(
            "--namespaced/--no-namespaced",
            help="Watch the operator's own namespace only, with a Role instead of a ClusterRole, or all.",
            show_default=False,
        ),
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Copyright holder, for the licence header.", metavar="NAME")] = None,
    license_name: Annotated[
        str | None, typer.Option("--license", help="Licence header: apache2 or none.", metavar="NAME")
    ] = None,
    license_file: Annotated[
        str | None, typer.Option(help="Take the licence header from this file instead.", metavar="FILE")
    ] = None,
    runtime: Annotated[
        bool, typer.Option("--runtime", help="Take the kaiwu-runtime of this kaiwuctl.", show_default=False)
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force/--no-force",
            help="Work with changes that are not committed, and overwrite files that are in the way.",
            show_default=False,
        ),
    ] = False,
    make: Make = True,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Change what the project was started with, or print it.

    Moves files, and rewrites the imports of all Python files and the settings that name them. With --runtime, the
    wheel in vendor/ is replaced, and what names it. Without flags the present values are printed. In a git repository
    everything has to be committed first.
    """
    # Help and completion need the flags only.
    from kaiwuctl.project.presence import require_project  # noqa: PLC0415
    from kaiwuctl.scaffold.edit_request import EditRequest  # noqa: PLC0415

    root = Path.cwd()
    require_project(root)
    request = EditRequest(
        multigroup=multigroup,
        namespaced=namespaced,
        owner=None if owner is None else owner.strip(),
        license_name=license_name,
        license_file=license_file,
        runtime=runtime,
    )
    request.check()
    # A flag that is refused needs nothing of what reads and writes the project.
    from kaiwuctl.scaffold.edit import edit_project  # noqa: PLC0415

    edit_project(root, request, force=force, make=make, dry_run=dry_run, verbose=verbose)
