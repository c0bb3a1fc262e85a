"""Request paths of objects: names come from users, and must not change the rest of the path."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from kaiwu_runtime.api._identity import ResourceIdentity, not_an_object

_DOTS = frozenset({".", ".."})
_PLAIN = re.compile(r"[A-Za-z0-9_~.-]*").fullmatch


def quoted(text: str) -> str:
    """Return a value of a query, quoted; nearly all of them need no quoting."""
    return text if _PLAIN(text) else quote(text, safe="")


def _segment(name: str, field: str) -> str:
    """Return a name as one segment of a request path.

    See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names
    """
    if _PLAIN(name) and name not in _DOTS:  # nearly every name
        return name
    if name in _DOTS or "/" in name or "%" in name:
        raise ValueError(f"{field} {name!r} is not a valid name: it must not be . or .. and may not contain / or %")
    return quote(name, safe=":@!$&'()*+,;=")


def collection_path(identity: ResourceIdentity, namespace: str) -> str:
    """Return the path of a collection; an empty namespace means all of them.

    Raises:
        ValueError: The namespace is not a valid name.
    """
    return identity.path(_segment(namespace, "metadata.namespace"))


def object_path(identity: ResourceIdentity, namespace: str, name: str, subresource: str = "") -> str:
    """Return the path of an object or of one of its subresources.

    Raises:
        ValueError: A name is missing or not valid.
    """
    if not name:
        raise ValueError(f"{identity.kind}: metadata.name is not set")
    if identity.namespaced and not namespace:
        raise ValueError(f"{identity.kind} {name}: metadata.namespace is not set, and the kind is namespaced")
    return identity.path(_segment(namespace, "metadata.namespace"), _segment(name, "metadata.name"), subresource)


def object_names(obj: Any) -> tuple[str, str]:  # noqa: ANN401 - a pydantic model or a lightkube kind
    """Return an object's namespace and name, empty where they are not set.

    Raises:
        TypeError: It is a class, or something without metadata.
    """
    try:
        metadata = obj.metadata
        return (metadata.namespace or "", metadata.name or "") if metadata is not None else ("", "")
    except AttributeError:
        raise not_an_object(obj) from None
