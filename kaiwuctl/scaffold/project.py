"""Scaffolds a project: what `kaiwuctl init` does once its flags are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kaiwuctl import __version__
from kaiwuctl.console import say
from kaiwuctl.errors import ContentError, UsageError
from kaiwuctl.names.project import (
    DEFAULT_DOMAIN,
    PROJECT_NAME_RULES,
    REPO_RULES,
    suggest_project_name,
)
from kaiwuctl.names.rule import check, quoted
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.model import Project
from kaiwuctl.project.presence import FILE_NAME, is_started
from kaiwuctl.scaffold.context import InitContext
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.files import init_policy
from kaiwuctl.scaffold.header import (
    HEADER_FILE,
    current_year,
    header_for,
    header_from_file,
)
from kaiwuctl.scaffold.leader_election import leader_election_id
from kaiwuctl.scaffold.licence import licence_of
from kaiwuctl.scaffold.locate import installed_wheel, runtime_wheel, template_folder, vendored_wheel
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.record import Answers, Record, add_record
from kaiwuctl.scaffold.render import RenderedFile, render_tree
from kaiwuctl.scaffold.repository import guess_repo, url_of

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.scaffold.init_request import InitRequest
    from kaiwuctl.scaffold.locate import RuntimeWheel


def scaffold_project(root: Path, request: InitRequest, *, dry_run: bool, verbose: bool) -> None:
    """Scaffold the project that is asked for into `root`; again in a started project changes nothing.

    Args:
        root: The project's folder.
        request: The values of the flags.
        dry_run: Print the plan and write nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: It cannot be done; nothing was changed.
    """
    request.check()

    def make_plan() -> tuple[Plan, None]:
        started = is_started(root)
        if started:
            project = ProjectFile.load(root).project
            _refuse_other_values(project, request)
        else:
            project = _new_project(root, request)
        return _plan(root, project, request, _header(root, request, started=started), started=started), None

    execute_plan(root, make_plan, _next_steps, dry_run=dry_run, verbose=verbose)


def _next_steps(_: None) -> None:
    say()
    say("Next: define an API, for example with")
    say("  kaiwuctl create api --group kaiwu --version v1 --kind KaiwuCluster")


def _new_project(root: Path, request: InitRequest) -> Project:
    name = _name_of_folder(root) if request.project_name is None else request.project_name
    check(name, PROJECT_NAME_RULES, what="--project-name")
    domain = DEFAULT_DOMAIN if request.domain is None else request.domain
    repo = guess_repo(root, f"{domain or DEFAULT_DOMAIN}/{name}") if request.repo is None else request.repo
    check(repo, REPO_RULES, what="--repo")
    return Project(
        name=name,
        domain=domain,
        repo=repo,
        multigroup=bool(request.multigroup),
        namespaced=bool(request.namespaced),
        cli_version=__version__,
    )


def _name_of_folder(root: Path) -> str:
    """Return the folder's name in lower case as the project name.

    Raises:
        UsageError: It is not a valid project name; suggests one that is.
    """
    name = root.name.lower()
    for rule in PROJECT_NAME_RULES:
        if not rule.holds(name):
            suggestion = suggest_project_name(name) or rule.example
            raise UsageError(
                f"--project-name: the directory's name {quoted(root.name)} is not a valid project name, "
                f"which {rule.message}; write --project-name {suggestion}"
            )
    return name


def _refuse_other_values(project: Project, request: InitRequest) -> None:
    """Refuse to start a started project again with other values than it has."""
    texts = [
        ("domain", request.domain, project.domain),
        ("projectName", request.project_name, project.name),
        ("repo", request.repo, project.repo),
    ]
    switches = [
        ("multigroup", request.multigroup, project.multigroup),
        ("namespaced", request.namespaced, project.namespaced),
    ]
    differences = [
        f"{key} is {quoted(recorded)}, not {quoted(asked)}"
        for key, asked, recorded in texts
        if asked is not None and asked != recorded
    ]
    differences += [
        f"{key} is {str(recorded).lower()}, not {str(asked).lower()}"
        for key, asked, recorded in switches
        if asked is not None and asked != recorded
    ]
    if differences:
        raise UsageError(
            f"PROJECT: this directory has a project already: {'; '.join(differences)}; leave the flags out, or start "
            "the other project in an empty directory"
        )


def _header(root: Path, request: InitRequest, *, started: bool) -> str:
    if request.license_file is not None:
        header = header_from_file(request.license_file)
    else:
        header = header_for(request.license_name or "apache2", request.owner or "", current_year())
    if not started:
        return header
    recorded = licence_of(root, Record.load(root)).header
    asked = any(flag is not None for flag in (request.license_name, request.owner, request.license_file))
    if asked and _without_years(recorded) != _without_years(header):
        raise UsageError(
            f"{HEADER_FILE}: this directory has a project already, with another licence header than the flags ask for; "
            f"leave --license, --license-file and --owner out, or edit {HEADER_FILE}"
        )
    return recorded


def _without_years(header: str) -> str:
    return re.sub(r"\b[0-9]{4}\b", "", header)


def _plan(root: Path, project: Project, request: InitRequest, header: str, *, started: bool) -> Plan:
    wheel = _wheel(root) if started else runtime_wheel()
    record = Record.load(root)
    if started:
        # What is restored is what was written: the flags may be left out, or say the same.
        licence = licence_of(root, record)
        name, owner = licence.name, licence.owner
    else:
        name = "custom" if request.license_file is not None else request.license_name or "apache2"
        owner = request.owner or ""
    context = init_context(project, wheel, license_name=name, owner=owner, header=header)
    plan = Plan(root)
    for file in render_tree(template_folder("init"), context.as_data()):
        plan.add(file, recorded=started, policy=init_policy(file.path))
    plan.add(RenderedFile(f"vendor/{wheel.name}", wheel.content), recorded=started)
    if not started:
        content = ProjectFile.new(project).dumps().encode()
        plan.add(RenderedFile(FILE_NAME, content), recorded=False)
    add_record(plan, record, init=None if started else _answers(context))
    return plan


def _wheel(root: Path) -> RuntimeWheel:
    """Return the wheel of a project, or for one that lacks it this kaiwuctl's, if that is the same.

    Raises:
        ContentError: Only another version or build of kaiwuctl has the wheel that the project installs.
    """
    present, installed = vendored_wheel(root), installed_wheel(root)
    if present is not None and (installed is None or present.name == installed.name):
        return present
    own = runtime_wheel()
    if installed is not None and (own.name, own.sha256) != (installed.name, installed.sha256):
        raise ContentError(
            f"vendor/{installed.name}: is missing, and this kaiwuctl has another one; restore it from version control, "
            "or run `kaiwuctl edit --runtime`, which takes that of this kaiwuctl"
        )
    return own


def init_context(project: Project, wheel: RuntimeWheel, *, license_name: str, owner: str, header: str) -> InitContext:
    """Return the variables of the templates for a project.

    Args:
        project: What PROJECT says.
        wheel: The wheel of kaiwu-runtime that the project has.
        license_name: ``apache2``, ``none`` or ``custom``.
        owner: Copyright holder; may be empty.
        header: The licence header, as comment lines.
    """
    return InitContext(
        cli_version=project.cli_version or __version__,
        project_name=project.name,
        domain=project.domain,
        repo=project.repo,
        repo_url=url_of(project.repo),
        owner=owner,
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


def _answers(context: InitContext) -> Answers:
    """Return what the project is started with."""
    return {
        "domain": context.domain,
        "license": context.license,
        "multigroup": context.multigroup,
        "namespaced": context.namespaced,
        "owner": context.owner,
        "project_name": context.project_name,
        "repo": context.repo,
    }
