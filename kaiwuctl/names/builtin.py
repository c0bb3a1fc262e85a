"""The kinds Kubernetes itself defines, which a controller may reconcile without an API type of its own."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kaiwuctl.errors import UsageError
from kaiwuctl.names.rule import quoted


@dataclass(frozen=True, slots=True)
class BuiltinKind:
    """A kind of Kubernetes.

    Attributes:
        group: As the API server knows it; empty for the core group.
        version: ``v1``.
        kind: ``Deployment``.
        plural: ``deployments``.
        namespaced: Scope.
        module: The lightkube module with its class.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    module: str


def find_builtin(group: str, version: str, kind: str) -> BuiltinKind | None:
    """Return a kind of Kubernetes, or None when the group is none of Kubernetes'.

    Args:
        group: In full, or its first part as kubebuilder has it: ``networking`` for ``networking.k8s.io``.
            ``core`` is the group without a name.
        version: API version.
        kind: CamelCase kind.

    Raises:
        UsageError: The group is Kubernetes' but has no such version or kind; lists what there is.
    """
    kinds = [entry for path in _modules() for entry in _kinds(path) if _matches(group, entry.group)]
    if not kinds:
        return None
    for entry in kinds:
        if (entry.version, entry.kind) == (version, kind):
            return entry
    in_version = sorted(entry.kind for entry in kinds if entry.version == version)
    if in_version:
        raise UsageError(f"--kind {quoted(kind)}: {group}/{version} has only {', '.join(in_version)}")
    versions = sorted({entry.version for entry in kinds})
    raise UsageError(f"--version {quoted(version)}: the group {group} of Kubernetes has only {', '.join(versions)}")


def _matches(asked: str, group: str) -> bool:
    return asked == group or asked == (group.partition(".")[0] or "core")


def _modules() -> list[Path]:
    # The modules are read, not imported: importing one takes longer than the whole command.
    spec = importlib.util.find_spec("lightkube")
    if spec is None or not spec.submodule_search_locations:
        return []
    return sorted((Path(spec.submodule_search_locations[0]) / "resources").glob("*_v*.py"))


@cache
def _kinds(path: Path) -> tuple[BuiltinKind, ...]:
    kinds = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef) or not node.bases:
            continue
        base = node.bases[0]
        for call in (inner for inner in ast.walk(node) if isinstance(inner, ast.Call)):
            keywords = {word.arg: word.value for word in call.keywords}
            definition, plural = keywords.get("resource"), keywords.get("plural")
            # A subresource names its parent.
            if "parent" in keywords or not isinstance(definition, ast.Call) or not isinstance(plural, ast.Constant):
                continue
            group, version, kind = (arg.value for arg in definition.args if isinstance(arg, ast.Constant))
            namespaced = isinstance(base, ast.Attribute) and base.attr.startswith("Namespaced")
            module = f"lightkube.resources.{path.stem}"
            kinds.append(BuiltinKind(str(group), str(version), str(kind), str(plural.value), namespaced, module))
    return tuple(kinds)
