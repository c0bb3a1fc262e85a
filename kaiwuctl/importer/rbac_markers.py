"""The permissions of a Go operator: its ``+kubebuilder:rbac`` comments, or the rules of its role.

See https://book.kubebuilder.io/reference/markers/rbac
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from kaiwuctl.importer.layout import Group, Named, value_layout

_MARKER: Final = re.compile(r"^\s*//\s*\+kubebuilder:rbac:(\S.*?)\s*$", re.MULTILINE)
_OPERAND: Final = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^,]*)')
_NAMES: Final = {
    "groups": "groups",
    "resources": "resources",
    "verbs": "verbs",
    "resourceNames": "resource_names",
    "urls": "urls",
}


@dataclass(frozen=True, slots=True)
class Permission:
    """A rule.

    Attributes:
        words: Lists of words by the argument of ``@rbac``: ``groups``, ``resources``, ``verbs``.
        namespace: Of the Role it is in; empty for the ClusterRole.
        role_name: Of the role it is in; empty for the manager's.
    """

    words: tuple[tuple[str, tuple[str, ...]], ...]
    namespace: str = ""
    role_name: str = ""

    def decorator(self) -> str:
        """Return it as a line above a class: ``@rbac(groups="apps", resources=["deployments"], verbs=["get"])``."""
        parts = [
            Named(f"{name}=", value_layout(words[0] if len(words) == 1 else list(words))) for name, words in self.words
        ]
        parts += [Named("namespace=", value_layout(self.namespace))] if self.namespace else []
        parts += [Named("role_name=", value_layout(self.role_name))] if self.role_name else []
        return f"@{Group('rbac(', tuple(parts), ')').lay_out(0, 1, 0)}"

    def is_about(self, group: str, plural: str) -> bool:
        """Whether it is only about one kind, with its subresources."""
        words = dict(self.words)
        resources = words.get("resources", ())
        own = all(resource.split("/")[0] == plural for resource in resources)
        return words.get("groups") == (group,) and bool(resources) and own and not self.namespace and not self.role_name


def read_markers(text: str) -> list[Permission]:
    """Return the permissions in the comments of a Go file, in their order."""
    found: list[Permission] = []
    for match in _MARKER.finditer(text):
        operands = {name: value.strip().strip("\"`'") for name, value in _OPERAND.findall(match[1])}
        words = {
            argument: tuple(word.strip().strip("\"`'") for word in re.split(r"[;]", operands[name].strip("{}")))
            for name, argument in _NAMES.items()
            if name in operands
        }
        permission = _permission(words, operands.get("namespace", ""), operands.get("roleName", ""))
        if permission is not None and permission not in found:
            found.append(permission)
    return found


def read_role(role: dict[str, Any]) -> list[Permission]:
    """Return the permissions of a Role or ClusterRole."""
    found: list[Permission] = []
    rules = role.get("rules")
    for rule in rules if isinstance(rules, list) else ():
        if not isinstance(rule, dict):
            continue
        fields = {
            "groups": "apiGroups",
            "resources": "resources",
            "verbs": "verbs",
            "resource_names": "resourceNames",
            "urls": "nonResourceURLs",
        }
        words = {
            argument: tuple(str(word) for word in rule[name])
            for argument, name in fields.items()
            if rule.get(name) and isinstance(rule[name], list)
        }
        permission = _permission(words, "", "")
        if permission is not None:
            found.append(permission)
    return found


def _permission(words: dict[str, tuple[str, ...]], namespace: str, role_name: str) -> Permission | None:
    if not words.get("verbs") or not (words.get("urls") or words.get("resources")):
        return None
    if words.get("resources") and "groups" not in words:
        words = {"groups": ("",), **words}
    if "groups" in words:
        words["groups"] = tuple("" if group == "core" else group for group in words["groups"])
    ordered = tuple(
        (name, words[name]) for name in ("groups", "resources", "resource_names", "urls", "verbs") if name in words
    )
    return Permission(ordered, namespace, role_name)
