"""Label and field selectors, evaluated here for reads from a cache.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

Matches = Callable[[Mapping[str, str]], bool]

_SET = re.compile(r"(?P<key>[^\s=!(),]+)\s+(?P<word>in|notin)\s*\(\s*(?P<values>[^()]*)\)")
_EQUALITY = re.compile(r"(?P<key>[^\s=!(),]+)\s*(?P<sign>==|=|!=)\s*(?P<value>[^\s=!(),]*)")
_EXISTS = re.compile(r"(?P<no>!?)\s*(?P<key>[^\s=!(),]+)")
_REQUIREMENTS = re.compile(r",(?![^()]*\))")
_FIELDS = re.compile(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL)
_FIELD = re.compile(r"(?P<field>[^\s=!\\]+)\s*==?\s*(?P<value>(?:[^\\=]|\\[\\,=])*)")
_ESCAPED = re.compile(r"\\(.)")


@lru_cache(maxsize=256)
def label_selector(text: str) -> Matches:
    """Return a predicate over labels.

    Args:
        text: Requirements joined by commas: ``a=b``, ``a!=b``, ``a in (b,c)``, ``a notin (b)``, ``a``, ``!a``.

    Raises:
        ValueError: The text is no label selector.
    """
    requirements = [_requirement(part.strip(), text) for part in _REQUIREMENTS.split(text)] if text.strip() else []
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(text: str, selector: str) -> Matches:
    if match := _SET.fullmatch(text):
        key = match["key"]
        values = frozenset(value.strip() for value in match["values"].split(","))
        if match["word"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALITY.fullmatch(text):
        key, value = match["key"], match["value"]
        if match["sign"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.fullmatch(text):
        key = match["key"]
        if match["no"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise ValueError(
        f"label selector {selector!r}: {text!r} is no requirement; write a=b, a!=b, a in (b,c), a notin (b), a or !a"
    )


def field_selector(text: str) -> list[tuple[str, str]]:
    r"""Return the fields of a selector with the values they must have.

    Args:
        text: Requirements joined by commas: ``metadata.name=a,spec.secret=b``. A comma, an equals sign or a backslash
            in a value has a backslash before it, as the API server has it.

    Raises:
        ValueError: A requirement is none, or says that a field must not have a value.
    """
    return [_field(part.strip(), text) for part in _FIELDS.findall(text) if part.strip()]


def _field(part: str, text: str) -> tuple[str, str]:
    match = _FIELD.fullmatch(part)
    if match is None:
        raise ValueError(
            f"field selector {text!r}: {part!r} is no requirement that a cache can answer; write field=value"
        )
    return match["field"], _ESCAPED.sub(r"\1", match["value"].strip())
