"""What the templates of an API are given: PROJECT, the record and the decision as variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwuctl import __version__
from kaiwuctl.names.external import external_class
from kaiwuctl.names.python import group_module, snake_case
from kaiwuctl.scaffold.context import APIContext
from kaiwuctl.scaffold.external import EXTERNAL_PACKAGE
from kaiwuctl.scaffold.header import current_year, header_of_project
from kaiwuctl.scaffold.image import command_literal, image_literal, image_variable
from kaiwuctl.scaffold.import_lines import import_line, renamed
from kaiwuctl.scaffold.leader_election import leader_election_id
from kaiwuctl.scaffold.locate import vendored_wheel
from kaiwuctl.scaffold.repository import url_of
from kaiwuctl.scaffold.type_status import lacks_conditions

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.decision import APIDecision
    from kaiwuctl.scaffold.record import Record


def api_context(root: Path, project: Project, decision: APIDecision, written: Record) -> APIContext:
    """Return the variables of the templates for one API.

    Args:
        root: The project's folder.
        project: What PROJECT says.
        decision: The API.
        written: The record of the project.
    """
    entry = decision.entry
    wheel = vendored_wheel(root)
    header = header_of_project(root)
    kind_lower = entry.kind.lower()
    group_folder = group_module(entry.group) if project.multigroup and entry.group else ""
    module = project.controller_module(entry.group, entry.kind, decision.controller_name)
    module_path, _, class_in_module = entry.path.partition(":")
    class_name = external_class(entry.kind) if entry.external else entry.kind
    in_project = not entry.foreign or module_path.startswith(f"{EXTERNAL_PACKAGE}.")
    if entry.external:
        api_folder = module_path.rpartition(".")[0].replace(".", "/") if in_project else ""
    else:
        api_folder = "" if entry.core else entry.path
    class_in_module = class_in_module or (class_name if in_project else entry.kind)
    type_module = module_path if entry.foreign else f"{api_folder.replace('/', '.')}.{kind_lower}_types"
    qualified_group = "" if entry.core and entry.group == "core" else entry.qualified_group
    folder = project.controller_folder(entry.group)
    variable = image_variable(entry.kind, group_folder)
    return APIContext(
        cli_version=project.cli_version or __version__,
        project_name=project.name,
        domain=project.domain,
        repo=project.repo,
        repo_url=url_of(project.repo),
        owner=str(written.init.get("owner", "")),
        license=str(written.init.get("license", "custom" if header else "none")),
        boilerplate=header,
        year=current_year(),
        multigroup=project.multigroup,
        namespaced=project.namespaced,
        leader_election_id=leader_election_id(project),
        runtime_version=wheel.version if wheel else "",
        runtime_wheel=wheel.name if wheel else "",
        runtime_sha256=wheel.sha256 if wheel else "",
        group=entry.group,
        qualified_group=qualified_group,
        qualified_group_snake=group_module(qualified_group) if qualified_group else "",
        group_snake=group_module(entry.group) if entry.group else "",
        version=entry.version,
        kind=entry.kind,
        kind_lower=kind_lower,
        kind_snake=snake_case(entry.kind),
        plural=entry.plural,
        scope="Namespaced" if entry.namespaced else "Cluster",
        resource=decision.resource,
        controller=decision.controller,
        storage=decision.storage,
        controller_name=decision.controller_name,
        reconciler=decision.reconciler,
        image=entry.image.image if entry.image else "",
        image_controller=entry.image is not None and entry.controllers[:1] == (decision.controller_name,),
        image_variable=variable,
        image_literal=image_literal(variable, entry.image.image) if entry.image else "",
        container_port=str(entry.image.port or "") if entry.image else "",
        container_command=command_literal(entry.image.command) if entry.image else "",
        run_as_user=str(entry.image.user or "") if entry.image else "",
        external=entry.external,
        sample_literal=_sample_literal(decision),
        class_name=class_name,
        class_in_module=class_in_module,
        api_folder=api_folder,
        type_module=type_module,
        type_import=import_line(type_module, [renamed(class_in_module, class_name)]),
        controller_folder=folder,
        controller_module_name=module,
        role_prefix=project.role_prefix(entry.group),
        role_name_prefix=f"{entry.group.replace('.', '-')}-" if group_folder else "",
        sample_name="_".join(part for part in (entry.group, entry.version, kind_lower) if part),
        imported=entry.api and lacks_conditions(root, f"{api_folder}/{kind_lower}_types.py", entry.kind),
    )


def _sample_literal(decision: APIDecision) -> str:
    """Return the fields that an object of another project's kind needs, as `ruff format` lays them out."""
    fields = decision.external.sample if decision.external is not None else {}
    if not fields:
        return ""
    from kaiwuctl.importer.layout import value_layout  # noqa: PLC0415  (only where there is a sample)

    start = "FIELDS: dict[str, Any] = "
    return start + value_layout(fields).lay_out(0, len(start), 0)
