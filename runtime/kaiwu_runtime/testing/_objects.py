"""Random objects of an API type, as a strategy of hypothesis.

The values come from the JSON schema of the type; the type itself decides whether they are valid. A value that it
rejects is replaced, so that rules which no schema can say cost single fields and not whole objects.

See https://hypothesis.readthedocs.io/en/latest/reference/strategies.html
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing._valid_objects import valid_object

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

S = TypeVar("S", bound=BaseModel)

_MAX_DEPTH = 8
_MAX_FIELDS = 6
"""How many optional fields of one object are set at once: a type such as a pod's has hundreds."""

_MAX_ITEMS = 3
_CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Random",
    "message": "random",
    "lastTransitionTime": "2026-01-02T03:04:05Z",
}
_INT64 = 2**63
_RUST_ESCAPE = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")


def objects(kind: type[S]) -> SearchStrategy[S]:
    """Return a hypothesis strategy of objects of a type, for tests of conversions, defaulters and rules.

    Any optional field may be set or not; lists, maps, limits, enums, formats and patterns follow the type. The
    simplest object, which hypothesis reports when a test fails, has the required fields only. Every object is called
    ``round-trip``. Fields of Kubernetes' own types (``Kube[...]``) are empty.

    ::

        @given(obj=objects(Shop))
        def test_a_size_is_never_negative(obj: Shop) -> None: ...

    Args:
        kind: A type of the project.

    Raises:
        ConfigurationError: hypothesis is not installed.
    """
    try:
        from hypothesis import reject, strategies  # noqa: PLC0415 - not a dependency: for tests only
    except ImportError:
        raise ConfigurationError(
            "objects() needs hypothesis: add hypothesis to requirements-dev.txt, then run make test"
        ) from None
    schema = kind.model_json_schema(by_alias=True)

    @strategies.composite
    def build(draw: DrawFn) -> S:
        values = _Values(draw, schema)
        parts = {
            name: part
            for name, part in schema.get("properties", {}).items()
            if name not in {"apiVersion", "kind", "metadata"}
        }
        obj = valid_object(kind, values.fields(parts, schema.get("required", ()), 0))
        if obj is None:
            reject()
        return obj

    return build()


class _Values:
    """Draws values for the parts of a JSON schema."""

    def __init__(self, draw: DrawFn, root: dict[str, Any]) -> None:
        from hypothesis import strategies  # noqa: PLC0415

        self._draw = draw
        self._st = strategies
        self._root = root

    def value(self, part: Any, depth: int) -> Any:  # noqa: ANN401 - parts of JSON
        """Return a value for a part of the schema."""
        if not isinstance(part, dict):
            return self._anything()
        if "$ref" in part:
            part = self._root["$defs"][part["$ref"].rpartition("/")[2]]
        if "const" in part:
            return part["const"]
        if "enum" in part:
            return self._draw(self._st.sampled_from(part["enum"]))
        if branches := part.get("anyOf") or part.get("oneOf"):
            present = [branch for branch in branches if branch.get("type") != "null"]
            return self.value(self._draw(self._st.sampled_from(present)), depth)
        makers: dict[Any, Callable[[], Any]] = {
            "object": lambda: self._object(part, depth),
            "array": lambda: self._array(part, depth),
            "integer": lambda: self._integer(part),
            "number": lambda: self._number(part),
            "boolean": lambda: self._draw(self._st.booleans()),
            "string": lambda: self._draw(self._string(part)),
        }
        return makers.get(part.get("type"), self._anything)()

    def fields(self, parts: dict[str, Any], required: Any, depth: int) -> dict[str, Any]:  # noqa: ANN401
        """Return the fields of an object: the required ones, and some of the others."""
        names = [name for name in parts if name in required]
        optional = [name for name in parts if name not in required]
        if optional and depth < _MAX_DEPTH:
            chosen = self._st.lists(self._st.sampled_from(optional), unique=True, max_size=_MAX_FIELDS)
            names += self._draw(chosen)
        return {name: self.value(parts[name], depth + 1) for name in names}

    def _object(self, part: dict[str, Any], depth: int) -> dict[str, Any]:
        if "properties" in part:
            return self.fields(part["properties"], part.get("required", ()), depth)
        values = part.get("additionalProperties")
        if not values:
            # One of Kubernetes' own types, or a condition: the schema does not say which.
            return self._draw(self._st.sampled_from([{}, _CONDITION])).copy()
        if depth >= _MAX_DEPTH:
            return {}
        keys = self._draw(self._st.lists(self._text(), unique=True, max_size=_MAX_ITEMS))
        return {key: self.value(values, depth + 1) for key in keys}

    def _array(self, part: dict[str, Any], depth: int) -> list[Any]:
        if depth >= _MAX_DEPTH or "items" not in part:
            return []
        low = part.get("minItems", 0)
        count = self._draw(self._st.integers(low, max(low, min(part.get("maxItems", _MAX_ITEMS), _MAX_ITEMS))))
        return [self.value(part["items"], depth + 1) for _ in range(count)]

    def _integer(self, part: dict[str, Any]) -> int:
        low = part.get("minimum", part.get("exclusiveMinimum", -_INT64 - 1) + 1)
        high = part.get("maximum", part.get("exclusiveMaximum", _INT64) - 1)
        step = part.get("multipleOf", 1)
        first, last = -(-int(low) // step) if isinstance(step, int) else 1, int(high) // step
        if not isinstance(step, int) or first > last:
            return int(low)
        edges = [number for number in (0, 1, -1, 2**31, 2**53 + 1, last, first) if first <= number <= last]
        return int(self._draw(self._st.sampled_from(edges) | self._st.integers(first, last))) * step

    def _number(self, part: dict[str, Any]) -> float:
        low, high = part.get("minimum", part.get("exclusiveMinimum")), part.get("maximum", part.get("exclusiveMaximum"))
        return float(self._draw(self._st.floats(low, high, allow_nan=False, allow_infinity=False)))

    def _string(self, part: dict[str, Any]) -> SearchStrategy[str]:
        formats: dict[Any, Callable[[], SearchStrategy[str]]] = {
            "byte": lambda: self._st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode()),
            "date": lambda: self._st.dates().map(dt.date.isoformat),
            "date-time": lambda: self._st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1)).map(
                lambda moment: f"{moment.isoformat(timespec='seconds')}Z"
            ),
            "uuid": lambda: self._st.uuids().map(str),
        }
        if part.get("format") in formats:
            return formats[part["format"]]()
        pattern = _pattern(part.get("pattern"))
        if pattern is not None:
            return self._st.from_regex(pattern)
        low = part.get("minLength", 0)
        return self._text(low, max(low, min(part.get("maxLength", low + 20), low + 20)))

    def _text(self, low: int = 0, high: int = 10) -> SearchStrategy[str]:
        return self._st.text(self._st.characters(exclude_categories=["Cs"]), min_size=low, max_size=high)

    def _anything(self) -> Any:  # noqa: ANN401 - JSON
        return self._draw(self._st.sampled_from(["a", 1, True, {}, {"a": ["b"]}]))


def _pattern(text: str | None) -> re.Pattern[str] | None:
    """Return a pattern of a type for `re`, which reads most of them; None for the others."""
    if text is None:
        return None
    written = _RUST_ESCAPE.sub(lambda found: re.escape(chr(int(found[1], 16))), text).replace(r"\z", r"\Z")
    try:
        return re.compile(written)
    except (re.error, OverflowError, RecursionError, ValueError):
        return None
