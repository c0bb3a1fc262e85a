"""Whether an operator can do with the permissions of one namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwuctl.errors import UsageError
from kaiwuctl.names.builtin import find_builtin

if TYPE_CHECKING:
    from kaiwuctl.project.model import Project, Resource


def refuse_cluster_kinds(project: Project) -> None:
    """Refuse a project with kinds that no Role can grant access to.

    Args:
        project: What PROJECT says.

    Raises:
        UsageError: Lists them.
    """
    kinds = sorted({entry.kind for entry in project.resources if not _is_namespaced(entry)})
    if kinds:
        raise UsageError(
            f"--namespaced: {', '.join(kinds)}: objects of the cluster, not of a namespace, which a Role cannot grant "
            "access to; keep the ClusterRole, or delete these APIs first: kaiwuctl delete api"
        )


def _is_namespaced(entry: Resource) -> bool:
    if not entry.core:
        return entry.namespaced
    builtin = find_builtin(entry.group, entry.version, entry.kind)
    return builtin is None or builtin.namespaced
