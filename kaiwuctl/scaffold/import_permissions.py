"""Carries the permissions of a Go project over: decorators above the reconcilers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaiwu_runtime.errors import DefinitionError
from kaiwuctl import __version__
from kaiwuctl.importer.rbac_markers import MANAGER_ROLE
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.scaffold.record import RECORD_FILE, Record, WrittenFile

if TYPE_CHECKING:
    from kaiwu_runtime.api import RBACRule
    from kaiwuctl.importer.go_project import GoProject
    from kaiwuctl.importer.rbac_markers import Permission
    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.import_remainder import Remainder

_SHOWN: Final = 200


def add_permissions(scratch: Path, go: GoProject, remainder: Remainder) -> None:
    """Put the permissions above the reconcilers: of the kind that a file is called after, else of the first.

    What `make manifests` would reject is listed instead.

    Args:
        scratch: The new project, with its controllers.
        go: The other project.
        remainder: Gets what is not carried over.
    """
    for file, others in go.rejected.items():
        for each in others:
            remainder.add_permission(
                f"{_at(file, each.place)}: {_quoted(each.text)}was not carried over: {each.problem}"
            )
    project = ProjectFile.load(scratch).project
    modules = _controllers(project)
    first = next(iter(modules), None)
    own = {(entry.qualified_group, entry.plural) for entry in project.resources if entry.api}
    by_module: dict[str, list[Permission]] = {}
    roles = _Roles(go.namespaced, _role_names(scratch))
    for file, permissions in go.permissions.items():
        name = Path(file).stem.removesuffix("_controller").replace("_", "")
        module = next((path for path, names in modules.items() if name in names), first)
        for permission in permissions:
            if any(permission.is_about(*kind) for kind in own):
                continue  # the class declares what it needs for its own kind
            if module is None:
                remainder.add_permission(f"{file}: there is no controller for {permission.decorator()}")
            elif permission not in by_module.setdefault(module, []):
                try:
                    roles.add(permission)
                except DefinitionError as error:
                    remainder.add_permission(f"{file}: {permission.decorator()} was not carried over: {_reason(error)}")
                else:
                    by_module[module].append(permission)
    record = Record.load(scratch)
    for module, permissions in by_module.items():
        if not permissions:
            continue
        path = scratch / module
        text = _with_decorators(path.read_text(encoding="utf-8"), permissions)
        path.write_text(text, encoding="utf-8")
        record.files[module] = WrittenFile(hashlib.sha256(text.encode()).hexdigest(), __version__)
    (scratch / RECORD_FILE).write_text(record.dumps(), encoding="utf-8")


def _controllers(project: Project) -> dict[str, set[str]]:
    """Return the modules of the controllers, and what their Go files may be called."""
    found: dict[str, set[str]] = {}
    for entry in project.resources:
        for name in entry.controllers:
            module = project.controller_module(entry.group, entry.kind, name)
            path = f"{project.controller_folder(entry.group)}/{module}.py"
            found.setdefault(path, set()).update({entry.kind.lower(), name.replace("-", "")})
    return found


def _with_decorators(text: str, permissions: list[Permission]) -> str:
    decorators = "\n".join(permission.decorator() for permission in permissions)
    head, marker, tail = text.partition("\n\n\nclass ")
    old = "from kaiwu_runtime import ControllerBuilder, ObjectReconciler, Result\n"
    return (
        f"{head.replace(old, old.replace('Result', 'Result, rbac'))}\n\n\n{decorators}\nclass {tail}"
        if marker
        else text
    )


@dataclass(slots=True)
class _Roles:
    """The roles that `make manifests` will write.

    Attributes:
        namespaced: The new project's manager has a Role.
        taken: Names of the roles that the project has without the generator.
        rules: What is in the roles.
    """

    namespaced: bool
    taken: set[str]
    rules: list[RBACRule] = field(default_factory=list)

    def add(self, permission: Permission) -> None:
        """Add a permission.

        Raises:
            DefinitionError: The generator, or kustomize, would reject the roles with it.
        """
        from kaiwu_runtime.generator import build_roles  # noqa: PLC0415 - imports lightkube

        if permission.role_name in self.taken:
            raise DefinitionError(f"config/rbac has a role {permission.role_name!r}: choose another role_name=")
        rules = [*self.rules, permission.rule()]
        build_roles(rules, role_name=MANAGER_ROLE, namespaced=self.namespaced)
        self.rules = rules


def _role_names(scratch: Path) -> set[str]:
    """Return the names of the roles that are scaffolded."""
    from kaiwu_runtime._manifests import read_manifests  # noqa: PLC0415

    files = [file for file in sorted((scratch / "config/rbac").glob("*.yaml")) if file.name != "kustomization.yaml"]
    documents = [document for file in files for document in read_manifests(file.read_bytes())]
    names = {str(each["metadata"]["name"]) for each in documents if each.get("kind") in {"Role", "ClusterRole"}}
    return names - {MANAGER_ROLE}


def _reason(error: DefinitionError) -> str:
    return str(error).removeprefix(": ").removeprefix("@rbac ")


def _at(file: str, place: str) -> str:
    return f"{file}:{place}" if place.isdecimal() else f"{file}: {place}"


def _quoted(text: str) -> str:
    if not text:
        return ""
    return f"`{text}` " if len(text) <= _SHOWN else f"`{text[:_SHOWN]}...` "
