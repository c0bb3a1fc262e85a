"""From what `kaiwuctl delete api` was asked for, and what the project says, to what is deleted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kaiwuctl.errors import UsageError
from kaiwuctl.names.python import reconciler_class, reconciler_of
from kaiwuctl.names.rule import quoted
from kaiwuctl.scaffold.decision import APIDecision
from kaiwuctl.scaffold.importers import imports_of
from kaiwuctl.scaffold.storage_version import storage_version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kaiwuctl.project.model import Project, Resource
    from kaiwuctl.scaffold.deletion_request import APIDeletionRequest
    from kaiwuctl.scaffold.record import Answers


@dataclass(frozen=True, slots=True)
class APIDeletion:
    """What is to be deleted.

    Attributes:
        entry: The entry that PROJECT has.
        after: The entry that it keeps; None when it goes.
        heir: The entry of another version that takes over controllers; None when there are none.
        resource: Whether the API type goes, or what was scaffolded for the type of another project.
        controllers: Names of the controllers that go.
        other_versions: Versions of the kind that stay, the stored one first.
    """

    entry: Resource
    after: Resource | None
    heir: Resource | None
    resource: bool
    controllers: tuple[str, ...]
    other_versions: tuple[str, ...]

    def scaffolds(self, project: Project) -> list[APIDecision]:
        """Return what `create api` would be asked for to get all that may go: one decision per controller."""
        entry, names = self.entry, self.controllers or (self.entry.kind.lower(),)
        return [
            APIDecision(
                entry=entry,
                before=entry,
                resource=entry.api,
                controller=True,
                controller_name=name,
                reconciler=reconciler_of(entry.kind)
                if project.is_own_controller(entry.group, entry.kind, name)
                else reconciler_class(name),
                other_versions=self.other_versions,
                storage=not self.other_versions,
            )
            for name in names
        ]

    def replay(self, create: Sequence[Answers]) -> list[Answers]:
        """Return the options of `create api` that give what is left.

        Args:
            create: The options of every `create`.
        """
        identity, whole = (self.entry.group, self.entry.version, self.entry.kind), self.after is None
        own = [options for options in create if _identity(options) == identity and "controller" in options]
        gone = [options for options in own if options["controller_name"] in self.controllers]
        gone = [options for options in gone if options["controller"]]
        kept = [options for options in create if options not in (own if whole else gone)]
        for options in () if whole else gone:
            # The command that scaffolded the type along with the controller.
            if _gives_type(options) and not any(_gives_type(other) for other in kept if _identity(other) == identity):
                kept.insert(create.index(options), {**options, "controller": False})
        if self.heir is not None:
            moved = [each for each in own if each["controller"] and each["controller_name"] in self.heir.controllers]
            kept += [{**options, "version": self.heir.version, "resource": False} for options in moved]
        return kept


def _identity(options: Answers) -> tuple[object, ...]:
    return options["group"], options["version"], options["kind"]


def _gives_type(options: Answers) -> bool:
    return bool(options.get("resource")) or "external" in options


def decide_deletion(root: Path, request: APIDeletionRequest, project: Project) -> APIDeletion | None:
    """Check a request against the project.

    Returns:
        None when PROJECT does not have what is asked for.

    Raises:
        UsageError: The version has webhooks that would stay, is converted to and from another one, or is the stored one
            and others would stay.
    """
    entry = project.find(request.group, request.version, request.kind) or project.find_external(
        request.group, request.version, request.kind
    )
    if entry is None:
        return None
    others = _other_versions(project, entry)
    if request.controller_only or request.controller_name is not None:
        return _without_controllers(entry, request.controller_name, others)
    if entry.webhooks and not request.with_webhooks:
        _refuse_webhooks(entry)
    _refuse_spoke(project, entry)
    stored = storage_version(root, [*others, entry]) if others and entry.api else ""
    if stored == entry.version:
        raise UsageError(
            f"--version {quoted(entry.version)}: is the version of {entry.kind} that the API server stores; make "
            f"{others[0].version} the stored one first: set storage=True in the @resource of {others[0].version}, "
            f"leave storage out of that of {entry.version}, and run make manifests"
        )
    others.sort(key=lambda other: other.version != stored)
    removed = entry.controllers
    heir = None
    if others:
        # A controller that works with another version by now serves the kind, and stays.
        own = f"{entry.path.replace('/', '.')}.{entry.kind.lower()}_types"
        module = own if entry.api else entry.path.partition(":")[0]
        removed = tuple(name for name in removed if _imports(root, project, entry, name, module))
        kept = tuple(name for name in entry.controllers if name not in removed)
        if kept:
            heir = replace(others[0], controllers=(*others[0].controllers, *kept))
    resource = entry.api or entry.external
    return APIDeletion(entry, None, heir, resource, removed, tuple(other.version for other in others))


def _refuse_webhooks(entry: Resource) -> None:
    raise UsageError(
        f"--version {quoted(entry.version)}: PROJECT has webhooks of {entry.kind} {entry.version}; pass "
        f"--with-webhooks to delete them, too, or delete them first: kaiwuctl delete webhook "
        f"--group {entry.group or quoted('')} --version {entry.version} --kind {entry.kind}"
    )


def _refuse_spoke(project: Project, entry: Resource) -> None:
    hub = project.hub_of(entry.group, entry.kind)
    if hub is not None and entry.version in hub.webhooks.spokes:
        raise UsageError(
            f"--version {quoted(entry.version)}: {entry.kind} {hub.version} is converted to and from it; delete the "
            f"conversion first: kaiwuctl delete webhook --group {entry.group or quoted('')} --version {hub.version} "
            f"--kind {entry.kind} --conversion"
        )


def _other_versions(project: Project, entry: Resource) -> list[Resource]:
    """Return the entries of the other versions of a kind with a type in PROJECT."""
    if entry.core:
        return []
    return [
        other
        for other in project.resources
        if other != entry
        and (other.qualified_group, other.kind, other.external) == (entry.qualified_group, entry.kind, entry.external)
        and (other.api or other.external)
    ]


def _without_controllers(entry: Resource, name: str | None, others: list[Resource]) -> APIDeletion | None:
    removed = entry.controllers if name is None else tuple(taken for taken in entry.controllers if taken == name)
    if not removed:
        return None
    left = tuple(taken for taken in entry.controllers if taken not in removed)
    # A kind of Kubernetes itself is in PROJECT because of its controllers and webhooks.
    after = replace(entry, controllers=left) if left or entry.api or entry.external or entry.webhooks else None
    return APIDeletion(entry, after, None, False, removed, tuple(other.version for other in others))


def _imports(root: Path, project: Project, entry: Resource, name: str, module: str) -> bool:
    path = f"{project.controller_folder(entry.group)}/{project.controller_module(entry.group, entry.kind, name)}.py"
    return any(imports_of(root, path, {module})) or not (root / path).exists()
