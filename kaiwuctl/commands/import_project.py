"""`kaiwuctl import project`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaiwuctl.errors import UsageError
from kaiwuctl.options import DryRun, Make, Verbose


def command(
    folder: Annotated[
        str,
        typer.Argument(help="Directory of a kubebuilder or operator-sdk project.", metavar="DIR", show_default=False),
    ] = "",
    *,
    project_name: Annotated[
        str | None,
        typer.Option(help="Name prefix for every generated object.  [default: the other project's]", metavar="NAME"),
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Copyright holder, for the licence header.", metavar="NAME")] = None,
    license_name: Annotated[
        str | None,
        typer.Option("--license", help="Licence header: apache2 or none.  [default: apache2]", metavar="NAME"),
    ] = None,
    make: Make = True,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Start a project in this directory from a Go operator's.

    Takes over the names in PROJECT, the types from config/crd/bases, the samples, and the permissions as
    decorators; scaffolds its controllers and webhooks; and lists in IMPORTED.md what a person has to write. The other
    project is only read.
    """
    if not folder:
        raise UsageError("import project: no directory given; for example kaiwuctl import project ../shop-operator")
    # Help and completion need the flags only.
    from kaiwuctl.scaffold.import_project import ProjectRequest, import_project  # noqa: PLC0415

    request = ProjectRequest(folder=Path(folder), project_name=project_name, owner=owner, license_name=license_name)
    import_project(Path.cwd(), request, make=make, dry_run=dry_run, verbose=verbose)
