"""Scaffolds one API: what `kaiwuctl create api` does once its flags are read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from kaiwuctl.console import say, warn
from kaiwuctl.names.image import format_command
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.model import Project
from kaiwuctl.project.presence import FILE_NAME
from kaiwuctl.scaffold.api_context import api_context
from kaiwuctl.scaffold.api_files import APIFile, files_of
from kaiwuctl.scaffold.class_names import check_type, with_free_class
from kaiwuctl.scaffold.crd_for_tests import add_version
from kaiwuctl.scaffold.decision import APIDecision, decide
from kaiwuctl.scaffold.discovery import undiscovered
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.external import read_external_type
from kaiwuctl.scaffold.files import Owner, Policy
from kaiwuctl.scaffold.kustomize import add_resources
from kaiwuctl.scaffold.kustomize_patches import add_patches
from kaiwuctl.scaffold.locate import template_folder
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.record import Answers, Record, add_record
from kaiwuctl.scaffold.render import RenderedFile, render_file
from kaiwuctl.scaffold.requirements import add_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kaiwuctl.names.image import DeployImage
    from kaiwuctl.scaffold.api_request import APIRequest

_Decided = tuple[APIDecision, Project]


def scaffold_api(root: Path, request: APIRequest, *, force: bool, make: bool, dry_run: bool, verbose: bool) -> None:
    """Scaffold the API that is asked for into the project at `root`.

    Args:
        root: The project's folder.
        request: The values of the flags.
        force: Overwrite files that differ.
        make: Run the project's generators afterwards.
        dry_run: Print the plan and write nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: It cannot be done; nothing was changed. Or `make` failed, when everything was written.
    """
    # A package is imported before the folder is locked: that may take long.
    external = read_external_type(root, request)

    def make_plan() -> tuple[Plan, _Decided]:
        project_file = ProjectFile.load(root)
        decision = decide(request, project_file.project, external)
        return _plan(root, project_file, decision, force=force), (decision, project_file.project)

    def afterwards(decided: _Decided) -> None:
        _report(*decided, request)
        if make:
            run_make(root)

    decision, project = execute_plan(root, make_plan, afterwards, dry_run=dry_run, verbose=verbose)
    if external is not None and external.warning:
        warn(external.warning)
    if decision.controller:
        package = project.controller_folder(decision.entry.group).replace("/", ".")
        if problem := undiscovered(root, package):
            warn(problem)


def _plan(root: Path, project_file: ProjectFile, decision: APIDecision, *, force: bool) -> Plan:
    written = Record.load(root)
    plan = Plan(root, force=force)
    plan_api(plan, project_file, decision, written)
    add_record(plan, written, create=create_options(decision))
    return plan


def plan_api(
    plan: Plan,
    project_file: ProjectFile,
    decision: APIDecision,
    written: Record,
    contents: Mapping[str, bytes] | None = None,
) -> None:
    """Plan the files of one API, and its entry in PROJECT.

    Args:
        plan: What the files are added to.
        project_file: PROJECT, which gets the entry.
        decision: The API.
        written: The record of the project; it is not changed.
        contents: The content of files that are not rendered, by the name of the template that they replace. With any,
            the type is an imported one.
    """
    root, contents = plan.root, contents or {}
    context = api_context(root, project_file.project, decision, written)
    # With --force the type is written again, as the templates have it.
    unknown = context.imported and not (plan.force and decision.resource)
    context = with_free_class(replace(context, imported=bool(contents) or unknown))
    folder, data = template_folder("api"), context.as_data()
    files = sorted(files_of(context), key=lambda file: (file.row.policy is Policy.MERGE, file.path))
    for file in files:
        template = folder / file.row.template
        if file.row.of_type and decision.external is None:
            continue
        if (content := contents.get(file.row.template or file.row.policy.value)) is not None:
            policy = Policy.CREATE if file.row.policy is Policy.VERSIONS else file.row.policy
            recorded = _is_recorded(file.row.owner, decision)
            plan.add(RenderedFile(file.path, content), recorded=recorded, policy=policy)
        elif file.row.policy is Policy.VERSIONS and decision.external is not None:
            plan.merge(file.path, partial(_add_version, file.path, decision.external.crd))
        elif file.row.policy is Policy.MERGE:
            start = render_file(template, file.path, data) if file.row.template else None
            plan.merge(file.path, partial(_add_entries, file, start))
        else:
            recorded = _is_recorded(file.row.owner, decision)
            rendered = render_file(template, file.path, data)
            if not recorded and file.path == f"{context.api_folder}/{context.kind_lower}_types.py":
                check_type(context.kind, rendered)
            plan.add(rendered, recorded=recorded, policy=file.row.policy)

    if decision.external is not None and decision.external.requirement:
        plan.merge("requirements.txt", partial(_add_requirement, decision.external.requirement))

    def record(text: str | None) -> str:
        if decision.entry == decision.before and text is not None:
            return text
        project_file.record(decision.entry)
        return project_file.dumps()

    plan.merge(FILE_NAME, record)


def _add_version(path: str, crd: dict[str, Any], text: str | None) -> str:
    return add_version(path, text, crd)


def _add_requirement(requirement: str, text: str | None) -> str:
    return add_requirements(text, [requirement])


def create_options(decision: APIDecision) -> Answers:
    """Return the options of the command as they were decided."""
    entry = decision.entry
    others: Answers = {"domain": entry.domain, "external": entry.path} if entry.external else {}
    if entry.image is not None:
        others |= {"image": entry.image.image}
        if entry.image.port is not None:
            others["container_port"] = str(entry.image.port)
        if entry.image.command:
            others["container_command"] = format_command(entry.image.command)
        if entry.image.user is not None:
            others["run_as_user"] = str(entry.image.user)
    return {
        **others,
        "controller": decision.controller,
        "controller_name": decision.controller_name,
        "group": entry.group,
        "kind": entry.kind,
        "namespaced": entry.namespaced,
        "plural": entry.plural,
        "resource": decision.resource,
        "version": entry.version,
    }


def _is_recorded(owner: Owner, decision: APIDecision) -> bool:
    """Whether PROJECT had a file's owner before."""
    before = decision.before
    if owner is Owner.CONTROLLER:
        return before is not None and decision.controller_name in before.controllers
    version = before is not None and (before.api or before.external)
    return version or (owner is Owner.KIND and bool(decision.other_versions))


def _add_entries(file: APIFile, start: RenderedFile | None, text: str | None) -> str:
    """Return a kustomization with the entries of this API; one that does not exist starts from its template."""
    if text is None and start is not None:
        text = start.content.decode()
    if file.row.key == "patches":
        return add_patches(file.path, text, file.entries)
    return add_resources(file.path, text, file.entries)


def _report(decision: APIDecision, project: Project, request: APIRequest) -> None:
    entry = decision.entry
    say()
    if entry.core:
        say(f"{entry.kind} is a kind of Kubernetes itself: {entry.plural}, version {entry.version}.")
    elif entry.external:
        say(f"{entry.kind} is another project's: {entry.plural}.{entry.qualified_group}, version {entry.version}.")
    else:
        say(f"{entry.kind} is {entry.plural}.{entry.qualified_group}, version {entry.version}.")
    if entry.external and not decision.controller:
        return
    if not decision.controller and request.controller is None:
        say("No controller was added: another version of the kind has one, and it serves all of them.")
    if entry.image is not None and decision.resource:
        _report_image(entry.image)
        say("Next: run")
    elif decision.before is None and decision.resource:
        say(f"Next: describe the type in {entry.path}/{entry.kind.lower()}_types.py, then run")
    else:
        module = project.controller_module(entry.group, entry.kind, decision.controller_name)
        say(f"Next: write the reconciler in {project.controller_folder(entry.group)}/{module}.py, then run")
    say("  make generate manifests install run")


def _report_image(image: DeployImage) -> None:
    say(f"Its pods run {image.image}; change it in config/manager.")
    if image.user is None:
        say("The image has to name a user by a number other than 0; --run-as-user sets one.")
