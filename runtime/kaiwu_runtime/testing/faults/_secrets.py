"""Hides what Secrets contain from findings, which go to logs that others read."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

KIND = "Secret"

_FIELDS = ("data", "stringData")
_COPY = ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
_SHORTEST, _SHORTEST_PART = 6, 3
_CUT = re.compile(r"\.\.\.")


class Hidden:
    """Stands for a value of a Secret.

    Args:
        value: The value, of ``data`` in Base64.
        encoded: Whether it may be in Base64.
    """

    def __init__(self, value: object, *, encoded: bool = False) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self._size = len((_decoded(text) if encoded else text).encode(errors="surrogateescape"))

    def __repr__(self) -> str:
        return f"<hidden, {self._size} bytes>"


def covered(value: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON
    """Return a field of a Secret with its content hidden.

    Args:
        value: Of the field.
        names: Of the members that lead to it from the Secret.
    """
    if isinstance(value, dict):
        return {name: covered(part, (*names, name)) for name, part in value.items()}
    secret = bool(names and names[0] in _FIELDS) or tuple(names) == _COPY
    return Hidden(value, encoded=names[0] == "data") if secret and value is not None else value


class Secrets:
    """Remembers the values of the Secrets of a run, to hide them where an operator passes them on.

    A value of less than 6 characters, or one that is the name of a kind, an object or a key too, is not hidden: it is
    part of texts that do not show the Secret.
    """

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._names: set[str] = set()

    def note(self, obj: Mapping[str, Any]) -> None:
        """Note an object as it was stored at some time."""
        kind, metadata = obj["kind"], obj["metadata"]
        self._names |= {kind, metadata["name"], metadata.get("namespace", "")}
        if kind != KIND:
            return
        for field in _FIELDS:
            for name, value in (obj.get(field) or {}).items():
                self._names.add(name)
                if isinstance(value, str):
                    shown = repr(Hidden(value, encoded=field == "data"))
                    plain = _decoded(value) if field == "data" else value
                    self._values |= dict.fromkeys(_forms(plain), shown)

    def hide(self, text: str) -> str:
        """Return a text with the values hidden, and the beginning of one where the text was cut."""
        forms = sorted(self._values.keys() - self._names, key=len, reverse=True)
        if not forms:
            return text
        text = re.sub("|".join(map(re.escape, forms)), lambda found: self._values[found[0]], text)
        for cut in reversed([found.start() for found in _CUT.finditer(text)]):
            kept, rest = text[:cut], text[cut:]
            for form in forms:
                if part := _beginning(form, kept):
                    text = f"{kept[:-part]}{self._values[form]}{rest}"
                    break
        return text


def hidden(text: str, *found: Secrets) -> str:
    """Return a text with the values of the Secrets of some runs hidden."""
    for secrets in found:
        text = secrets.hide(text)
    return text


def _decoded(text: str) -> str:
    """Return the value that a text in Base64 has, or the text if it is not in Base64."""
    try:
        return base64.b64decode(text, validate=True).decode(errors="surrogateescape")
    except (binascii.Error, ValueError):
        return text


def _forms(value: str) -> set[str]:
    """Return how a value may be written: as it is, in Base64, in JSON, in Python or in a URL."""
    data = value.encode(errors="surrogateescape")
    encoded = base64.b64encode(data).decode()
    forms = {value, encoded, json.dumps(value)[1:-1], repr(value)[1:-1], repr(data)[2:-1], quote(data, safe="")}
    return {form for form in forms if len(value) >= _SHORTEST}


def _beginning(form: str, text: str) -> int:
    """Return how many characters of a value a text ends in."""
    sizes = range(min(len(form) - 1, len(text)), _SHORTEST_PART - 1, -1)
    return next((size for size in sizes if text.endswith(form[:size])), 0)
