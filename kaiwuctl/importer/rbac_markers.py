"""The permissions of a Go operator: its ``+kubebuilder:rbac`` comments, or the rules of its role.

See https://book.kubebuilder.io/reference/markers/rbac
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaiwu_runtime.errors import DefinitionError
from kaiwuctl.importer.layout import Group, Named, value_layout

if TYPE_CHECKING:
    from kaiwu_runtime.api import RBACRule

_MARKER: Final = re.compile(r"\s*//\s*\+kubebuilder:rbac:\s*(.*?)\s*$")
_OPERAND: Final = re.compile(
    r"""\s*([A-Za-z]+)\s*=\s*("[^"]*"(?=\s*(?:,|$))|`[^`]*`(?=\s*(?:,|$))|\{[^}]*\}(?=\s*(?:,|$))|[^,]*)(?:,|$)"""
)
_QUOTES: Final = "\"`'"
_NAMES: Final = {
    "groups": "groups",
    "resources": "resources",
    "verbs": "verbs",
    "resourceNames": "resource_names",
    "urls": "urls",
}
_SINGLE: Final = ("namespace", "roleName")
_FIELDS: Final = {
    "groups": "apiGroups",
    "resources": "resources",
    "verbs": "verbs",
    "resource_names": "resourceNames",
    "urls": "nonResourceURLs",
}
_ORDER: Final = ("groups", "resources", "resource_names", "urls", "verbs")
MANAGER_ROLE: Final = "manager-role"
_OWN_NAMESPACE: Final = "system"


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

    def rule(self) -> RBACRule:
        """Return it as the generator reads it.

        Raises:
            DefinitionError: The generator rejects it; the message says why.
        """
        from msgspec.structs import replace  # noqa: PLC0415

        from kaiwu_runtime.api import rbac, rbac_rules  # noqa: PLC0415 - imports lightkube; a refused folder needs none

        class Reconciler:
            """Carries the rule."""

        name = Reconciler.__qualname__
        try:
            rbac(**dict(self.words), namespace=self.namespace, role_name=self.role_name)(Reconciler)  # type: ignore[arg-type]
        except DefinitionError as error:
            raise DefinitionError(str(error).removeprefix(f"{name}: ").removeprefix("@rbac ")) from None
        except TypeError:
            raise DefinitionError("needs verbs, for example verbs=get;list;watch") from None
        return replace(rbac_rules(Reconciler)[0], declared_on="")

    def is_about(self, group: str, plural: str) -> bool:
        """Whether it is only about one kind, with its subresources."""
        words = dict(self.words)
        resources = words.get("resources", ())
        own = all(resource.split("/")[0] == plural for resource in resources)
        return words.get("groups") == (group,) and bool(resources) and own and not self.namespace and not self.role_name


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rule that is not carried over.

    Attributes:
        place: In its file: the line, or ``rules[2]``.
        text: The comment; empty for a rule of a role.
        problem: What is wrong, and the fix.
    """

    place: str
    text: str
    problem: str


def read_markers(text: str) -> tuple[list[Permission], list[Rejected]]:
    """Return the permissions in the comments of a Go file, in their order, and the comments that are not valid."""
    found: list[Permission] = []
    rejected: list[Rejected] = []
    for number, line in enumerate(text.split("\n"), start=1):
        match = _MARKER.match(line)
        if match is None:
            continue
        try:
            permission = _marked(match[1])
        except DefinitionError as error:
            rejected.append(Rejected(f"{number}", f"+kubebuilder:rbac:{match[1]}", str(error)))
            continue
        if permission not in found:
            found.append(permission)
    return found, rejected


def _marked(operands: str) -> Permission:
    """Return the permission of a comment.

    Raises:
        DefinitionError: The generator would reject the rule.
    """
    values: dict[str, tuple[str, ...]] = {}
    position = 0
    while position < len(operands):
        match = _OPERAND.match(operands, position)
        if match is None:
            raise DefinitionError(f"cannot read {operands[position:]!r}: use name=value, separated by ','")
        name, position = match[1], match.end()
        if name not in _NAMES and name not in _SINGLE:
            raise DefinitionError(f"{name}= is not known: use {', '.join([*_NAMES, *_SINGLE])}")
        if name in values:
            raise DefinitionError(f"{name}= is there twice: write one list, as in {name}=a;b")
        values[name] = _marker_words(match[2])
    for name in _SINGLE:
        if len(values.get(name, ("",))) > 1:
            raise DefinitionError(f"{name}= must be one name")
    words = {argument: values[name] for name, argument in _NAMES.items() if name in values}
    return _permission(words, *("".join(values.get(name, ())) for name in _SINGLE))


def _marker_words(value: str) -> tuple[str, ...]:
    """Return the words of a value: ``a;b``, ``{a,b}``, or one text in quotes with ``;`` between them."""
    value = value.strip()
    if value.startswith("{") and value.endswith("}"):
        return tuple(_unquoted(part) for part in value[1:-1].split(","))
    if _unquoted(value) != value and value.count(value[0]) == 2:
        return tuple(value[1:-1].split(";"))
    return tuple(_unquoted(part) for part in value.split(";"))


def _unquoted(word: str) -> str:
    word = word.strip()
    return word[1:-1] if len(word) > 1 and word[0] in _QUOTES and word[-1] == word[0] else word


def read_role(role: dict[str, Any]) -> tuple[list[Permission], list[Rejected]]:
    """Return the permissions of a Role or ClusterRole, and the rules that are not valid."""
    found: list[Permission] = []
    rejected: list[Rejected] = []
    rules = role.get("rules")
    namespace, role_name = _place_of(role)
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        place = f"rules[{index}]"
        if not isinstance(rule, dict):
            rejected.append(Rejected(place, "", "is not an object"))
            continue
        words = {
            argument: tuple(map(str, rule[name])) if isinstance(rule[name], list) else (str(rule[name]),)
            for argument, name in _FIELDS.items()
            if rule.get(name)
        }
        try:
            found.append(_permission(words, namespace, role_name))
        except DefinitionError as error:
            rejected.append(Rejected(place, "", str(error)))
    return found, rejected


def _place_of(role: dict[str, Any]) -> tuple[str, str]:
    """Return the namespace of a Role, and its name unless it is the manager's."""
    metadata = role.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    if role.get("kind") != "Role":
        return "", ""
    name = str(fields.get("name") or "")
    return str(fields.get("namespace") or _OWN_NAMESPACE), "" if name == MANAGER_ROLE else name


def _permission(words: dict[str, tuple[str, ...]], namespace: str, role_name: str) -> Permission:
    """Return a permission that the generator accepts.

    Raises:
        DefinitionError: There is none.
    """
    if words.get("resources") and "groups" not in words:
        words = {"groups": ("",), **words}
    if "groups" in words:
        words["groups"] = tuple("" if group == "core" else group for group in words["groups"])
    ordered = tuple((name, words[name]) for name in _ORDER if name in words)
    permission = Permission(ordered, namespace, role_name)
    permission.rule()
    return permission
