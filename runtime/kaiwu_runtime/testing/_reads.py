"""Lists with pages and selectors.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from kaiwu_runtime._unsigned import unsigned
from kaiwu_runtime.cache._selector import field_terms, label_selector, unescaped
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._refusals import refusal
from kaiwu_runtime.testing._storage import Storage
from kaiwu_runtime.testing._watch_lines import Selects

_FIELD = re.compile(r"(?P<field>[^=!]+?)(?P<sign>==|=|!=)(?P<value>(?:[^\\,=!]|\\[\\,=])*)", re.DOTALL)
_KNOWN = {"metadata.name": "name", "metadata.namespace": "namespace"}


def selection(namespace: str, params: Mapping[str, str]) -> Selects:
    """Return a predicate for the namespace and the selectors of a request.

    Raises:
        BadRequestError: A selector is malformed, or names a field that is not the object's name or namespace.
    """
    try:
        labels_match = label_selector(params.get("labelSelector", ""))
    except ValueError as error:
        raise refusal(400, str(error)) from None
    fields = _fields(params.get("fieldSelector", ""))

    def selects(obj: dict[str, Any]) -> bool:
        metadata = obj["metadata"]
        if namespace and metadata.get("namespace") != namespace:
            return False
        if not all((metadata.get(name, "") == value) == equal for name, equal, value in fields):
            return False
        return labels_match(metadata.get("labels") or {})

    return selects


def list_page(storage: Storage, kind: FakeKind, namespace: str, params: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of a list; the pages of a list are all of the version it began with.

    Raises:
        GoneError: That version was compacted.
        BadRequestError: A selector or the continue token is malformed.
    """
    token, start = params.get("continue", ""), 0
    if token:
        number, start = _parse_token(token)
        found = storage.recall(number)
        if found is None:
            text = "The provided continue parameter is too old to display a consistent list result."
            raise refusal(410, text)
        version, objects = found
    else:
        selects = selection(namespace, params)
        version, found_objects = _state(storage, kind, params)
        objects, number = [obj for obj in found_objects if selects(obj)], -1
    limit = int(params.get("limit") or 0) or len(objects)
    metadata: dict[str, Any] = {"resourceVersion": str(version), **({"continue": ""} if kind.custom else {})}
    if start + limit < len(objects):
        number = number if token else storage.remember(objects)
        metadata["continue"] = base64.b64encode(json.dumps([number, start + limit]).encode()).decode()
        if not params.get("labelSelector") and not params.get("fieldSelector"):
            metadata["remainingItemCount"] = len(objects) - start - limit
    return {
        "apiVersion": kind.identity.api_version,
        "kind": f"{kind.identity.kind}List",
        "metadata": metadata,
        "items": [_item(kind, obj) for obj in objects[start : start + limit]],
    }


def _state(storage: Storage, kind: FakeKind, params: Mapping[str, str]) -> tuple[int, list[dict[str, Any]]]:
    """Return the version that a list is of, and the objects there were.

    Raises:
        GoneError: That version was compacted.
        BadRequestError: The version is not a number.
    """
    if params.get("resourceVersionMatch") != "Exact":
        return storage.version, storage.objects(kind, "")
    version = params.get("resourceVersion", "")
    number = unsigned(version)
    if number is None:
        raise refusal(400, f"resourceVersion: Invalid value: {version!r}")
    found = storage.objects_at(kind, number)
    if found is None:
        raise refusal(410, f"The provided resource version {version} is too old or was not reached yet.")
    return number, found


def _item(kind: FakeKind, obj: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it is in a list: of Kubernetes' own kinds only the list says which they are."""
    return obj if kind.custom else {name: part for name, part in obj.items() if name not in {"apiVersion", "kind"}}


def _parse_token(token: str) -> tuple[int, int]:
    try:
        number, start = json.loads(base64.b64decode(token, validate=True))
        return int(number), int(start)
    except (binascii.Error, ValueError, TypeError):
        raise refusal(400, "continue key is not valid") from None


def _fields(selector: str) -> list[tuple[str, bool, str]]:
    found = []
    for part in field_terms(selector):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise refusal(400, f"invalid field selector {part!r}: use metadata.name=a or metadata.namespace!=b")
        if match["field"] not in _KNOWN:
            raise refusal(400, f"field label not supported: {match['field']}")
        found.append((_KNOWN[match["field"]], match["sign"] != "!=", unescaped(match["value"])))
    return found
