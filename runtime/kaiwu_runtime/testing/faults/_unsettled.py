"""Why a step has not settled, as far as the objects and the reconciler say it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaiwu_runtime.api._identity import is_built_in_group

_MOST_CONDITIONS = 3


def false_value(objects: Iterable[Mapping[str, Any]], reasons: Iterable[str]) -> str:
    """Return what is said when `settled` of the scenario returned a false value.

    Args:
        objects: Every object there is.
        reasons: What the reconciler says: the errors of its reconciles.
    """
    reason = next(filter(None, reasons), "")
    return "; ".join(filter(None, ("settled() returned a false value", reason, *_false_conditions(objects))))


def is_behind(objects: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a custom resource is being deleted, or its status is about an older generation.

    Args:
        objects: Every object there is.
    """
    for obj in _custom_resources(objects):
        metadata, status = obj["metadata"], obj.get("status")
        observed = status.get("observedGeneration") if isinstance(status, dict) else None
        if metadata.get("deletionTimestamp") or (observed is not None and observed != metadata.get("generation")):
            return True
    return False


def _custom_resources(objects: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for obj in objects:
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        if not is_built_in_group(group):
            yield obj


def _false_conditions(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what the conditions of custom resources say that are false, for people."""
    found = []
    for obj in _custom_resources(objects):
        status = obj.get("status")
        conditions = status.get("conditions") if isinstance(status, dict) else None
        metadata = obj["metadata"]
        name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        for each in conditions if isinstance(conditions, list) else ():
            if isinstance(each, dict) and each.get("status") == "False":
                why = filter(None, (str(each.get("reason") or ""), str(each.get("message") or "")))
                found.append(": ".join((f"{obj['kind']} {name}", f"{each.get('type')} is False", *why)))
    return found[:_MOST_CONDITIONS]
