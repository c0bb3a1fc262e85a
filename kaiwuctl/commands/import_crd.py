"""`kaiwuctl import crd`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaiwuctl.errors import UsageError
from kaiwuctl.options import DryRun, Make, Overwrite, Verbose


def command(
    source: Annotated[
        str,
        typer.Argument(
            help="File, - for standard input, or cluster:PLURAL.GROUP.", metavar="SOURCE", show_default=False
        ),
    ] = "",
    *,
    name: Annotated[
        str | None, typer.Option(help="CRD to take, of a file with several: PLURAL.GROUP or KIND.", metavar="NAME")
    ] = None,
    versions: Annotated[
        str | None, typer.Option(help="Versions to import: v1,v1beta1.  [default: all]", metavar="VERSIONS")
    ] = None,
    own: Annotated[
        bool,
        typer.Option(
            "--own/--external",
            help="Own: this project defines the kind from now on. External: another project does.  [default: own]",
            show_default=False,
        ),
    ] = True,
    controller: Annotated[
        bool,
        typer.Option("--controller/--no-controller", help="Scaffold a controller, too.", show_default=False),
    ] = False,
    kubernetes_types: Annotated[
        bool,
        typer.Option(
            "--kubernetes-types/--no-kubernetes-types",
            help="Use Kubernetes' own types where the CRD has exactly their schema; descriptions are lost.",
            show_default=False,
        ),
    ] = False,
    force: Overwrite = False,
    make: Make = True,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Make API types from a CustomResourceDefinition.

    Writes one module for each version, from which `make manifests` makes the same CRD again, and what
    `kaiwuctl create api` writes beside it: a sample, roles, the entry in PROJECT. The same command again changes
    nothing.
    """
    if not source:
        raise UsageError("import crd: the source is missing; for example kaiwuctl import crd widgets.yaml")
    # Help and completion need the flags only.
    from kaiwuctl.project.presence import require_project  # noqa: PLC0415

    root = Path.cwd()
    require_project(root)
    wanted = None if versions is None else tuple(word.strip() for word in versions.split(",") if word.strip())
    if wanted == ():
        raise UsageError("--versions: names no version; for example --versions v1,v1beta1")
    # A flag that is rejected needs nothing of what reads and writes the project.
    from kaiwuctl.scaffold.import_crd import CRDRequest, scaffold_crd  # noqa: PLC0415

    request = CRDRequest(
        source=source,
        name=name,
        versions=wanted,
        external=not own,
        controller=controller,
        kubernetes_types=kubernetes_types,
    )
    scaffold_crd(root, request, force=force, make=make, dry_run=dry_run, verbose=verbose)
