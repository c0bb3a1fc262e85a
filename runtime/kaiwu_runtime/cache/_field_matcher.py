"""Field selectors as the API server evaluates them: which fields each kind has there, and their values as text.

Only for objects that this process has written, to know whether a watch with such a selector will show them.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/#list-of-supported-fields
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.api._resource import resource_definition
from kaiwu_runtime.cache._selector import field_terms, unescaped

Object = Mapping[str, Any]
MatchesObject = Callable[[Object], bool]
Value = Callable[[Object], str]

_TERM = re.compile(r"(?P<field>.*?)(?P<sign>!=|==|=)(?P<value>.*)", re.DOTALL)
_VALUE = re.compile(r"(?:[^\\,=]|\\[\\,=])*", re.DOTALL)


def _at(path: str, absent: str = "") -> Value:
    members = path.split(".")

    def value(obj: Object) -> str:
        found: Any = obj
        for member in members:
            found = found.get(member) if isinstance(found, Mapping) else None
        if found is None:
            return absent
        return str(found).lower() if isinstance(found, bool) else str(found)

    return value


def _pod_ip(pod: Object) -> str:
    addresses = (pod.get("status") or {}).get("podIPs") or ()
    return str(addresses[0].get("ip") or "") if addresses else ""


def _event_source(event: Object) -> str:
    return str((event.get("source") or {}).get("component") or event.get("reportingComponent") or "")


_ALWAYS: dict[str, Value] = {name: _at(name) for name in ("metadata.name", "metadata.namespace")}
_POD = ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase")
_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: dict[tuple[str, str], dict[str, Value]] = {
    ("v1", "Pod"): {
        **{name: _at(name) for name in (*_POD, "status.nominatedNodeName")},
        "spec.hostNetwork": _at("spec.hostNetwork", "false"),
        "status.podIP": _pod_ip,
    },
    ("v1", "Secret"): {"type": _at("type")},
    ("v1", "Event"): {
        **{f"involvedObject.{name}": _at(f"involvedObject.{name}") for name in _REFERENCE},
        **{name: _at(name) for name in ("reason", "reportingComponent", "type")},
        "source": _event_source,
    },
    ("v1", "Namespace"): {"status.phase": _at("status.phase")},
    ("v1", "Node"): {"spec.unschedulable": _at("spec.unschedulable", "false")},
    ("v1", "ReplicationController"): {"status.replicas": _at("status.replicas", "0")},
    ("batch/v1", "Job"): {"status.successful": _at("status.succeeded", "0")},
    ("certificates.k8s.io/v1", "CertificateSigningRequest"): {"spec.signerName": _at("spec.signerName")},
}


def field_matcher(kind: type[Any], selector: str) -> MatchesObject | None:
    r"""Return what tells whether a field selector selects an object, as JSON.

    Args:
        kind: A project's type or a lightkube kind.
        selector: Requirements joined by commas: ``status.phase=Running,spec.nodeName!=a``. A comma, an equals sign or
            a backslash in a value has a backslash before it.

    Returns:
        None where only the API server can tell: it may have a field that is not known here.
    """
    return _matcher(kind, selector)  # type: ignore[arg-type]  # a class is hashable


def may_select(selector: str, key: ObjectKey) -> bool:
    """Return whether a field selector may select an object, as far as its key tells."""
    known = {"metadata.name": key.name, "metadata.namespace": key.namespace}
    for term in field_terms(selector):
        match = _TERM.fullmatch(term)
        if match is None or match["field"] not in known:
            continue
        if (known[match["field"]] == unescaped(match["value"])) is (match["sign"] == "!="):
            return False
    return True


@lru_cache(maxsize=256)
def _matcher(kind: type[Any], selector: str) -> MatchesObject | None:
    fields = _fields_of(kind)
    requirements: list[tuple[Value, bool, str]] = []
    for term in field_terms(selector):
        match = _TERM.fullmatch(term)
        if match is None or match["field"] not in fields or not _VALUE.fullmatch(match["value"]):
            return None
        wanted = unescaped(match["value"])
        requirements.append((fields[match["field"]], match["sign"] != "!=", wanted))
    return lambda obj: all((value(obj) == wanted) is equal for value, equal, wanted in requirements)


def _fields_of(kind: type[Any]) -> dict[str, Value]:
    definition = resource_definition(kind)
    if definition is not None:
        selectable = (path.removeprefix(".") for path in definition.selectable_fields)
        return {**_ALWAYS, **{name: _at(name) for name in selectable}}
    identity = identify(kind)
    return {**_ALWAYS, **_FIELDS.get((identity.api_version, identity.kind), {})}
