"""`kaiwuctl create api`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaiwuctl.commands.prompts import needed
from kaiwuctl.errors import UsageError
from kaiwuctl.options import DryRun, Group, Kind, Make, Overwrite, Verbose, Version


def command(
    *,
    group: Group = None,
    version: Version = None,
    kind: Kind = None,
    plural: Annotated[
        str | None, typer.Option(help="Plural of the kind.  [default: by Kubernetes' rule]", metavar="PLURAL")
    ] = None,
    namespaced: Annotated[
        bool | None,
        typer.Option(
            "--namespaced/--no-namespaced",
            help="Scope of the objects: a namespace, or with =false the cluster.  [default: true]",
            show_default=False,
        ),
    ] = None,
    resource: Annotated[
        bool | None,
        typer.Option("--resource/--no-resource", help="Scaffold the API type.  [default: true]", show_default=False),
    ] = None,
    controller: Annotated[
        bool | None,
        typer.Option(
            "--controller/--no-controller",
            help="Scaffold a controller.  [default: true, unless another version of the kind has one]",
            show_default=False,
        ),
    ] = None,
    controller_name: Annotated[
        str | None, typer.Option(help="Name of the controller, for a second one of a kind.", metavar="NAME")
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            help="Rest of the API group of another project's kind: io, for cert-manager.io.", metavar="DOMAIN"
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="Type of another project's kind, in an installed package.", metavar="MODULE:CLASS"),
    ] = None,
    from_crd: Annotated[
        str | None,
        typer.Option(
            help="Make the type from a CRD, with all its versions: a file, -, or cluster:PLURAL.GROUP.",
            metavar="SOURCE",
        ),
    ] = None,
    untyped: Annotated[
        bool,
        typer.Option(
            "--untyped/--no-untyped",
            help="Another project's kind without a type: objects are dictionaries.",
            show_default=False,
        ),
    ] = False,
    image: Annotated[
        str | None,
        typer.Option(help="Scaffold a controller that runs this image in a Deployment.", metavar="IMAGE"),
    ] = None,
    container_port: Annotated[
        str | None, typer.Option(help="With --image: port of the container and of a Service.", metavar="PORT")
    ] = None,
    container_command: Annotated[
        str | None,
        typer.Option(help="With --image: command, with commas between words: sleep,1000.", metavar="WORDS"),
    ] = None,
    run_as_user: Annotated[
        str | None,
        typer.Option(help="With --image: number of the user.  [default: the image's own]", metavar="UID"),
    ] = None,
    force: Overwrite = False,
    make: Make = True,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Scaffold an API type and its controller.

    Adds the type, the controller, their tests, a sample and the roles of the kind, and enters them in PROJECT
    and the kustomization files. The same command again changes nothing.
    """
    # Help and completion need the flags only.
    from kaiwuctl.project.presence import require_project  # noqa: PLC0415
    from kaiwuctl.scaffold.api_request import APIRequest  # noqa: PLC0415

    root = Path.cwd()
    # A directory without a PROJECT is reported before the user is asked anything.
    require_project(root)
    if from_crd is not None:
        said = {
            "--group": group,
            "--plural": plural,
            "--namespaced": namespaced,
            "--controller-name": controller_name,
            "--domain": domain,
            "--from": source,
            "--untyped": untyped or None,
            "--image": image,
            "--container-port": container_port,
            "--container-command": container_command,
            "--run-as-user": run_as_user,
        }
        for flag, value in said.items():
            if value is not None:
                raise UsageError(f"{flag}: contradicts --from-crd, whose CRD says it; leave {flag} out")
        from kaiwuctl.scaffold.import_crd import CRDRequest, scaffold_crd  # noqa: PLC0415

        wanted = CRDRequest(
            source=from_crd.strip(),
            name=kind,
            versions=None if version is None else (version.strip(),),
            external=resource is False,
            controller=controller is not False,
        )
        scaffold_crd(root, wanted, force=force, make=make, dry_run=dry_run, verbose=verbose)
        return
    request = APIRequest(
        group=needed("--group", group, "kaiwu"),
        version=needed("--version", version, "v1"),
        kind=needed("--kind", kind, "KaiwuCluster"),
        plural=None if plural is None else plural.strip(),
        namespaced=namespaced,
        resource=resource,
        controller=controller,
        controller_name=None if controller_name is None else controller_name.strip(),
        domain=None if domain is None else domain.strip(),
        source=None if source is None else source.strip(),
        untyped=untyped,
        image=None if image is None else image.strip(),
        container_port=None if container_port is None else container_port.strip(),
        container_command=container_command,
        run_as_user=None if run_as_user is None else run_as_user.strip(),
    )
    request.check()
    # A flag that is refused needs nothing of what reads and writes the project.
    from kaiwuctl.scaffold.api import scaffold_api  # noqa: PLC0415

    scaffold_api(root, request, force=force, make=make, dry_run=dry_run, verbose=verbose)
