"""Label and field selectors, evaluated here for reads from a cache.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from kaiwu_runtime._lazy_pattern import lazy_pattern
from kaiwu_runtime._names import is_label_value, is_qualified_name

Matches = Callable[[Mapping[str, str]], bool]

_SET = lazy_pattern(r"(?P<key>[^\s=!<>(),]+)\s+(?P<word>in|notin)\s*\(\s*(?P<values>[^()]*)\)")
_EQUALITY = lazy_pattern(r"(?P<key>[^\s=!<>(),]+)\s*(?P<sign>==|=|!=|>|<)\s*(?P<value>[^\s=!<>(),]*)")
_EXISTS = lazy_pattern(r"(?P<no>!?)\s*(?P<key>[^\s=!<>(),]+)")
_INTEGER = lazy_pattern(r"[-+]?[0-9]{1,63}", re.ASCII)
_REQUIREMENTS = lazy_pattern(r",(?![^()]*\))")
_FIELDS = lazy_pattern(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL)
_FIELD = lazy_pattern(r"(?P<field>[^\s=!\\]+)==?(?P<value>(?:[^\\=]|\\[\\,=])*)")
_ESCAPED = lazy_pattern(r"\\(.)", re.DOTALL)


@lru_cache(maxsize=256)
def label_selector(text: str) -> Matches:
    """Return a predicate over labels.

    Args:
        text: Requirements joined by commas: ``a=b``, ``a!=b``, ``a in (b,c)``, ``a notin (b)``, ``a``,
            ``!a``, and with integers ``a>1``, ``a<1``.

    Raises:
        ValueError: The text is not a label selector that the API server takes.
    """
    requirements = [_requirement(part.strip(), text) for part in _REQUIREMENTS().split(text)] if text.strip() else []
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(text: str, selector: str) -> Matches:
    if match := _SET().fullmatch(text):
        key = _checked_key(match["key"], selector)
        values = frozenset(_checked_value(value.strip(), selector) for value in match["values"].split(","))
        if match["word"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALITY().fullmatch(text):
        key, value = _checked_key(match["key"], selector), _checked_value(match["value"], selector)
        if match["sign"] in {">", "<"}:
            return _comparison(key, match["sign"], value, selector)
        if match["sign"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS().fullmatch(text):
        key = _checked_key(match["key"], selector)
        if match["no"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise ValueError(
        f"invalid label selector {selector!r}: {text!r}: use a=b, a!=b, a in (b,c), a notin (b), a, !a, a>1 or a<1"
    )


def _comparison(key: str, sign: str, text: str, selector: str) -> Matches:
    limit = _int64(text)
    if limit is None:
        raise ValueError(f"invalid label selector {selector!r}: {key}{sign}{text}: the value must be an integer")

    def matches(labels: Mapping[str, str]) -> bool:
        number = _int64(labels.get(key, ""))
        return number is not None and (number > limit if sign == ">" else number < limit)

    return matches


def _int64(text: str) -> int | None:
    if not _INTEGER().fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _checked_key(key: str, selector: str) -> str:
    if not is_qualified_name(key):
        raise ValueError(
            f"invalid label selector {selector!r}: {key!r} is not a valid label key: use app or example.com/app"
        )
    return key


def _checked_value(value: str, selector: str) -> str:
    if not is_label_value(value):
        raise ValueError(
            f"invalid label selector {selector!r}: {value!r} is not a valid label value: use at most 63 letters, "
            "digits, '-', '_' and '.'"
        )
    return value


def field_selector(text: str) -> list[tuple[str, str]]:
    r"""Return the fields of a selector with the values they must have.

    Args:
        text: Requirements joined by commas: ``metadata.name=a,spec.secret=b``. A comma, an equals sign or a backslash
            in a value has a backslash before it, and spaces belong to the value, as for the API server.

    Raises:
        ValueError: A requirement is none, or says that a field must not have a value.
    """
    return [_field(part, text) for part in field_terms(text)]


def field_terms(text: str) -> list[str]:
    """Return the requirements of a field selector: what commas separate that have no backslash before them."""
    return _FIELDS().findall(text)


def unescaped(value: str) -> str:
    """Return the value of a requirement without the backslashes that `field_equals` adds."""
    return _ESCAPED().sub(r"\1", value)


def _field(part: str, text: str) -> tuple[str, str]:
    match = _FIELD().fullmatch(part)
    if match is None:
        raise ValueError(
            f"invalid field selector {text!r}: {part!r}: a cache answers field=value only, without spaces before the "
            "field or '='"
        )
    return match["field"], unescaped(match["value"])


def field_equals(field: str, value: str) -> str:
    """Return the field selector for a value of any characters; see `field_selector` for the backslashes."""
    for special in "\\,=":
        value = value.replace(special, f"\\{special}")
    return f"{field}={value}"
