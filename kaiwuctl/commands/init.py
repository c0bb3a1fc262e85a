"""`kaiwuctl init`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from kaiwuctl import __version__
from kaiwuctl.console import say
from kaiwuctl.errors import UsageError
from kaiwuctl.names.project import (
    DOMAIN_RULES,
    OWNER_RULES,
    PROJECT_NAME_RULES,
    REPO_RULES,
    suggest_project_name,
)
from kaiwuctl.names.rule import check, quoted
from kaiwuctl.options import DryRun, Verbose
from kaiwuctl.project.file import FILE_NAME, ProjectFile
from kaiwuctl.project.lease import leader_election_id
from kaiwuctl.project.model import LAYOUT, VERSION, Project
from kaiwuctl.project.repository import guess_repo, url_of
from kaiwuctl.scaffold.carry_out import carry_out
from kaiwuctl.scaffold.context import InitContext
from kaiwuctl.scaffold.header import (
    HEADER_FILE,
    current_year,
    header_for,
    header_from_file,
    header_of_project,
)
from kaiwuctl.scaffold.locate import runtime_wheel, template_folder, vendored_wheel
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.render import RenderedFile, render

DEFAULT_DOMAIN: Final = "my.domain"
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
            help="Where the project lives.  [default: git's origin, else DOMAIN/PROJECT-NAME]",
            metavar="HOST/PATH",
        ),
    ] = None,
    project_name: Annotated[
        str | None,
        typer.Option(help="Starts the name of every object.  [default: this folder's]", metavar="NAME"),
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
        typer.Option("--multigroup/--no-multigroup", help="Folders per API group.", show_default=False),
    ] = None,
    namespaced: Annotated[
        bool | None,
        typer.Option(
            "--namespaced/--no-namespaced",
            help="The operator watches its own namespace only.",
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
    """Start a new project in this folder.

    Writes the manager, the kustomize tree, Makefile, Dockerfile, tests and workflows, without an API. Files
    that are there already stay; if one of them differs from what would be written, nothing is written.
    """
    _check_version_and_plugins(project_version, plugins)
    root = Path.cwd()
    flags = {"domain": domain, "projectName": project_name, "repo": repo}
    switches = {"multigroup": multigroup, "namespaced": namespaced}
    started = (root / FILE_NAME).exists() or (root / FILE_NAME).is_symlink()

    def make_plan() -> Plan:
        if started:
            project = ProjectFile.load(root).project
            _refuse_other_values(project, flags, switches)
        else:
            project = _new_project(root, flags, switches)
        header = _header(root, license_name, owner, license_file, started=started)
        return _plan(
            root,
            project,
            started=started,
            header=header,
            owner=owner or "",
            license_name="custom" if license_file is not None else license_name or "apache2",
        )

    carry_out(root, make_plan, _next_steps, dry_run=dry_run, verbose=verbose)


def _next_steps() -> None:
    say()
    say("Next: define an API, for example with")
    say("  kaiwuctl create api --group kaiwu --version v1 --kind KaiwuCluster")


def _check_version_and_plugins(project_version: str, plugins: str) -> None:
    if project_version != VERSION:
        raise UsageError(f"--project-version {quoted(project_version)}: must be {VERSION}; leave it out")
    for key in plugins.split(","):
        if key.strip() not in _PLUGINS:
            raise UsageError(
                f"--plugins {quoted(key.strip())}: kaiwuctl makes Python projects only; leave the flag out "
                "or "
                f"write --plugins {LAYOUT}"
            )


def _new_project(root: Path, flags: dict[str, str | None], switches: dict[str, bool | None]) -> Project:
    name = flags["projectName"]
    if name is None:
        name = _name_of_folder(root)
    check(name.strip(), PROJECT_NAME_RULES, what="--project-name")
    domain = DEFAULT_DOMAIN if flags["domain"] is None else flags["domain"].strip()
    check(domain, DOMAIN_RULES, what="--domain")
    repo = flags["repo"]
    repo = guess_repo(root, f"{domain or DEFAULT_DOMAIN}/{name}") if repo is None else repo.strip()
    check(repo, REPO_RULES, what="--repo")
    return Project(
        name=name.strip(),
        domain=domain,
        repo=repo,
        multigroup=bool(switches["multigroup"]),
        namespaced=bool(switches["namespaced"]),
        cli_version=__version__,
    )


def _name_of_folder(root: Path) -> str:
    """Return the folder's name in lower case as project name, or refuse it with one that would do."""
    name = root.name.lower()
    for rule in PROJECT_NAME_RULES:
        if not rule.holds(name):
            suggestion = suggest_project_name(name) or rule.example
            raise UsageError(
                f"--project-name: the folder's name {quoted(root.name)} is no project name, which "
                f"{rule.message}; "
                f"write --project-name {suggestion}"
            )
    return name


def _refuse_other_values(project: Project, flags: dict[str, str | None], switches: dict[str, bool | None]) -> None:
    """Refuse to start a started project again with other values than it has."""
    recorded = {"domain": project.domain, "projectName": project.name, "repo": project.repo}
    differences = [
        f"{key} is {quoted(recorded[key])}, not {quoted(value.strip())}"
        for key, value in flags.items()
        if value is not None and value.strip() != recorded[key]
    ]
    present = {"multigroup": project.multigroup, "namespaced": project.namespaced}
    differences += [
        f"{key} is {str(present[key]).lower()}, not {str(value).lower()}"
        for key, value in switches.items()
        if value is not None and value != present[key]
    ]
    if differences:
        raise UsageError(
            f"PROJECT: this folder has a project already: {'; '.join(differences)}; leave the flags out, "
            "or start "
            "the other project in an empty folder"
        )


def _header(root: Path, license_name: str | None, owner: str | None, license_file: str | None, *, started: bool) -> str:
    if owner is not None:
        check(owner, OWNER_RULES, what="--owner")
    if license_file is not None:
        header = header_from_file(license_file)
    else:
        header = header_for(license_name or "apache2", (owner or "").strip(), current_year())
    if not started:
        return header
    recorded = header_of_project(root)
    asked = license_name is not None or owner is not None or license_file is not None
    if asked and _without_years(recorded) != _without_years(header):
        raise UsageError(
            f"{HEADER_FILE}: this folder has a project already, with another licence header than the flags "
            "ask for; "
            f"leave --license, --license-file and --owner out, or edit {HEADER_FILE}"
        )
    return recorded


def _without_years(header: str) -> str:
    return re.sub(r"\b[0-9]{4}\b", "", header)


def _plan(root: Path, project: Project, *, started: bool, header: str, owner: str, license_name: str) -> Plan:
    wheel = (vendored_wheel(root) if started else None) or runtime_wheel()
    context = InitContext(
        cli_version=project.cli_version or __version__,
        project_name=project.name,
        domain=project.domain,
        repo=project.repo,
        repo_url=url_of(project.repo),
        owner=owner.strip(),
        license=license_name,
        boilerplate=header,
        year=current_year(),
        multigroup=project.multigroup,
        namespaced=project.namespaced,
        leader_election_id=leader_election_id(project),
        runtime_version=wheel.version,
        runtime_wheel=wheel.name,
        runtime_sha256=wheel.sha256,
    )
    plan = Plan(root)
    for file in render(template_folder("init"), context.as_data()):
        plan.add(file, recorded=started)
    plan.add(RenderedFile(f"vendor/{wheel.name}", wheel.path.read_bytes()), recorded=started)
    if not started:
        content = ProjectFile.new(project).dumps().encode()
        plan.add(RenderedFile(FILE_NAME, content), recorded=False)
    return plan
