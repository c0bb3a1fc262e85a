"""Says what a deletion in the project leaves in clusters, and how to remove it there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from kaiwuctl.console import say
from kaiwuctl.scaffold.external import EXTERNAL_PACKAGE
from kaiwuctl.scaffold.plan import Action

if TYPE_CHECKING:
    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.deletion import APIDeletion
    from kaiwuctl.scaffold.plan import Plan

_NAME = re.compile(rb"^metadata:\n(?:  .*\n)*?  name: (?P<name>[a-z0-9.-]+)$", re.MULTILINE)


def report_deletion(project: Project, deletion: APIDeletion, plan: Plan) -> None:
    """Print what stays in clusters after `kaiwuctl delete api`.

    Args:
        project: PROJECT, without what was deleted.
        deletion: What was deleted.
        plan: The plan that was carried out.
    """
    entry = deletion.entry
    if not deletion.resource and not deletion.controllers:
        # A kind of Kubernetes itself that had webhooks only.
        return
    say()
    if deletion.heir is not None:
        names = ", ".join(deletion.heir.controllers)
        say(f"PROJECT has the controllers of {entry.kind} with {deletion.heir.version} now: {names}.")
    if not deletion.resource:
        say(f"{entry.kind} {entry.version} has lost its controllers {', '.join(deletion.controllers)}.")
        say("Next: make manifests deploy, which takes their permissions away")
        return
    if entry.external:
        say(f"{entry.kind} is another project's: its CRD and its objects stay in clusters.")
        if not entry.path.startswith(f"{EXTERNAL_PACKAGE}."):
            module = entry.path.partition(":")[0]
            say(f"requirements.txt keeps the package of {module}; remove it there when nothing else imports it.")
        say("Next: make manifests deploy, which takes the permissions of its controllers away")
        return
    name = f"{entry.plural}.{entry.qualified_group}"
    if deletion.other_versions:
        _report_version(name, entry.version, deletion.other_versions[0])
        return
    say(f"Clusters keep the CRD. This removes it, and with it every {entry.kind} object:")
    say(f"  kubectl delete customresourcedefinition {name}")
    roles = _deleted_roles(plan)
    if roles:
        say("They keep the roles for people, too:")
        say(f"  kubectl delete clusterrole {' '.join(f'{project.name}-{role}' for role in roles)}")


def _report_version(name: str, version: str, stored: str) -> None:
    status = json.dumps({"status": {"storedVersions": [stored]}}, separators=(",", ":"))
    say(f"A cluster accepts the CRD without {version} when its status.storedVersions does not list {version}:")
    say(f"  kubectl get customresourcedefinition {name} --output=jsonpath='{{.status.storedVersions}}'")
    say(f"If it does, write every object again, so that it is stored as {stored}, and then remove {version} there:")
    say(f"  kubectl patch customresourcedefinition {name} --subresource=status --type=merge --patch='{status}'")


def _deleted_roles(plan: Plan) -> list[str]:
    names = []
    for file in plan.files:
        if file.action is Action.DELETE and file.path.startswith("config/rbac/") and file.before is not None:
            found = _NAME.search(file.before)
            if found is not None:
                names.append(found["name"].decode())
    return sorted(names)
