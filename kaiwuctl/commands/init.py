"""`kaiwuctl init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaiwuctl.errors import UsageError
from kaiwuctl.names.project import DEFAULT_DOMAIN
from kaiwuctl.names.rule import quoted
from kaiwuctl.options import DryRun, Verbose
from kaiwuctl.project.model import LAYOUT, VERSION

# What operator-sdk's users write for the plugin of a language, and what PROJECT has.
_PLUGINS = frozenset({LAYOUT, "python.kaiwuctl.io", "python/v1", "python"})


def command(
    *,
    domain: Annotated[
        str | None,
        typer.Option(help=f"Suffix of every API group.  [default: {DEFAULT_DOMAIN}]", metavar="DOMAIN"),
    ] = None,
    repo: Annotated[
        str | None,
        typer.Option(
            help="Repository of the project.  [default: git's origin, else DOMAIN/PROJECT-NAME]",
            metavar="HOST/PATH",
        ),
    ] = None,
    project_name: Annotated[
        str | None,
        typer.Option(help="Name prefix for every generated object.  [default: this directory's]", metavar="NAME"),
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Copyright holder, for the licence header.", metavar="NAME")] = None,
    license_name: Annotated[
        str | None,
        typer.Option("--license", help="Licence header: apache2 or none.  [default: apache2]", metavar="NAME"),
    ] = None,
    license_file: Annotated[
        str | None, typer.Option(help="Take the licence header from this file instead.", metavar="FILE")
    ] = None,
    multigroup: Annotated[
        bool | None,
        typer.Option(
            "--multigroup/--no-multigroup",
            help="One directory per API group below api/ and controllers/.",
            show_default=False,
        ),
    ] = None,
    namespaced: Annotated[
        bool | None,
        typer.Option(
            "--namespaced/--no-namespaced",
            help="Watch the operator's own namespace only, with a Role instead of a ClusterRole.",
            show_default=False,
        ),
    ] = None,
    project_version: Annotated[
        str,
        typer.Option(help=f"Version of the PROJECT file; only {VERSION}.", metavar="VERSION", show_default=False),
    ] = VERSION,
    plugins: Annotated[
        str, typer.Option(help=f"Only {LAYOUT}, or python/v1.", metavar="KEYS", show_default=False)
    ] = LAYOUT,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Start a new project in this directory.

    Writes the manager, the kustomize tree, Makefile, Dockerfile, tests and workflows, without an API. Files
    that are there already stay; if one of them differs from what would be written, nothing is written.
    """
    _check_version_and_plugins(project_version, plugins)
    # Help and completion need the flags only.
    from kaiwuctl.scaffold.init_request import InitRequest  # noqa: PLC0415

    request = InitRequest(
        domain=None if domain is None else domain.strip(),
        project_name=None if project_name is None else project_name.strip(),
        repo=None if repo is None else repo.strip(),
        owner=None if owner is None else owner.strip(),
        license_name=license_name,
        license_file=license_file,
        multigroup=multigroup,
        namespaced=namespaced,
    )
    request.check()
    # A flag that is rejected needs nothing of what writes the project.
    from kaiwuctl.scaffold.project import scaffold_project  # noqa: PLC0415

    scaffold_project(Path.cwd(), request, dry_run=dry_run, verbose=verbose)


def _check_version_and_plugins(project_version: str, plugins: str) -> None:
    if project_version != VERSION:
        raise UsageError(f"--project-version {quoted(project_version)}: must be {VERSION}; leave it out")
    for key in plugins.split(","):
        if key.strip() not in _PLUGINS:
            raise UsageError(
                f"--plugins {quoted(key.strip())}: kaiwuctl makes Python projects only; leave the flag out or "
                f"write --plugins {LAYOUT}"
            )
