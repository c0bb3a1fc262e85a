"""Parse a field's annotation: the bare type, whether it may be None, and its metadata."""

from __future__ import annotations

import contextlib
import decimal
import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from kaiwu_runtime.api._markers import Marker
from kaiwu_runtime.api._null_values import ALIAS_TYPES

_M = TypeVar("_M", bound=Marker)


@dataclass(slots=True)
class Facts:
    """The annotation of a field and its metadata, without the type.

    Attributes:
        markers: Markers in the order they are written.
        other: Metadata that is not a marker: Kube, Quantity, pydantic validators.
        minimum, maximum: Bounds, and whether they are exclusive.
    """

    markers: list[Marker] = field(default_factory=list)
    other: list[object] = field(default_factory=list)
    minimum: tuple[float, bool] | None = None
    maximum: tuple[float, bool] | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    patterns: list[str | re.Pattern[str]] = field(default_factory=list)
    title: str = ""
    description: str = ""
    examples: list[Any] = field(default_factory=list)
    optional: bool = False

    def find(self, kind: type[_M]) -> _M | None:
        """Return the last marker of a kind, the one nearest to the field; None when there is none."""
        return next((marker for marker in reversed(self.markers) if isinstance(marker, kind)), None)

    def all(self, kind: type[_M]) -> list[_M]:
        """Return every marker of a kind, in order."""
        return [marker for marker in self.markers if isinstance(marker, kind)]

    def carries(self, kind: type[Any]) -> bool:
        """Return whether there is metadata of a class."""
        return any(isinstance(item, kind) for item in self.other)

    def add(self, metadata: Iterable[object]) -> None:
        """Read pydantic's, annotated-types' and this package's metadata."""
        for item in _flatten(metadata):
            self._add(item)

    def _add(self, item: object) -> None:
        match item:
            case Marker():
                self.markers.append(item)
            case FieldInfo():
                self.title = item.title or self.title
                self.description = item.description or self.description
                self.examples = list(item.examples or self.examples)
            case annotated_types.Ge(ge=bound):
                self._at_least(bound, exclusive=False)
            case annotated_types.Gt(gt=bound):
                self._at_least(bound, exclusive=True)
            case annotated_types.Le(le=bound):
                self._at_most(bound, exclusive=False)
            case annotated_types.Lt(lt=bound):
                self._at_most(bound, exclusive=True)
            case annotated_types.MultipleOf(multiple_of=step):
                self.multiple_of = _number(step)
            case annotated_types.MinLen(min_length=length):
                with contextlib.suppress(TypeError):
                    length = length if self.min_length is None else max(length, self.min_length)
                self.min_length = length
            case annotated_types.MaxLen(max_length=length):
                with contextlib.suppress(TypeError):
                    length = length if self.max_length is None else min(length, self.max_length)
                self.max_length = length
            case _:
                self._add_other(item)

    def _add_other(self, item: object) -> None:
        pattern = getattr(item, "pattern", None)
        if not isinstance(pattern, str | re.Pattern) or isinstance(item, re.Pattern):
            self.other.append(item)
            return
        self.patterns.append(pattern)
        # StringConstraints(pattern=..., to_lower=True) is one item.
        constraints = vars(item) if isinstance(item, annotated_types.BaseMetadata) else {}
        if any(value for word, value in constraints.items() if word != "pattern"):
            self.other.append(item)

    def _at_least(self, bound: object, *, exclusive: bool) -> None:
        candidate = (_number(bound), exclusive)
        with contextlib.suppress(TypeError):  # bounds of two types: which types may have bounds is checked elsewhere
            if self.minimum is not None and self.minimum > candidate:
                return
        self.minimum = candidate

    def _at_most(self, bound: object, *, exclusive: bool) -> None:
        candidate = (_number(bound), exclusive)
        with contextlib.suppress(TypeError):
            if self.maximum is not None and (self.maximum[0], not self.maximum[1]) <= (candidate[0], not exclusive):
                return
        self.maximum = candidate

    def absorb(self, other: Facts) -> None:
        """Merge the limits of a member of a union; if both have a limit, the stricter one is kept."""
        if other.minimum is not None:
            self._at_least(other.minimum[0], exclusive=other.minimum[1])
        if other.maximum is not None:
            self._at_most(other.maximum[0], exclusive=other.maximum[1])
        if other.multiple_of is not None:
            self.add([annotated_types.MultipleOf(other.multiple_of)])
        if other.min_length is not None:
            self.add([annotated_types.MinLen(other.min_length)])
        if other.max_length is not None:
            self.add([annotated_types.MaxLen(other.max_length)])
        self.patterns += other.patterns


def unwrap_annotation(annotation: object, metadata: Iterable[object] = ()) -> tuple[object, Facts]:
    """Return the bare type of an annotation and its metadata.

    ``Annotated``, type aliases, ``NewType`` and ``| None`` are unwrapped; outer metadata follows inner
    metadata.
    """
    facts = Facts()
    bare = _unwrap(annotation, facts)
    facts.add(metadata)
    return bare, facts


def members(annotation: object) -> tuple[object, ...]:
    """Return the members of a union, None left out; a single type is a union of one."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return tuple(member for member in get_args(annotation) if member is not type(None))
    return (annotation,)


def _unwrap(annotation: object, facts: Facts) -> object:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        bare = _unwrap(inner, facts)
        facts.add(metadata)
        return bare
    if isinstance(annotation, type) and "__kaiwu_annotation__" in vars(annotation):
        return _unwrap(vars(annotation)["__kaiwu_annotation__"], facts)
    if isinstance(annotation, ALIAS_TYPES):
        return _unwrap(annotation.__value__, facts)
    if isinstance(get_origin(annotation), ALIAS_TYPES):
        alias: Any = get_origin(annotation)
        return _unwrap(alias.__value__[get_args(annotation)], facts)
    if isinstance(annotation, NewType):
        return _unwrap(annotation.__supertype__, facts)
    if get_origin(annotation) in {Union, types.UnionType}:
        some = members(annotation)
        facts.optional = facts.optional or len(some) < len(get_args(annotation))
        if len(some) == 1:
            return _unwrap(some[0], facts)
        return Union[some]  # noqa: UP007 - the members are only known now
    if get_origin(annotation) is Literal and None in get_args(annotation):
        facts.optional = True
        return Literal[tuple(value for value in get_args(annotation) if value is not None)]
    return annotation


def _flatten(metadata: Iterable[object]) -> Iterator[object]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _flatten(item.metadata)
            if item.description or item.title or item.examples:
                yield item
        elif isinstance(item, annotated_types.GroupedMetadata):
            yield from _flatten(item)
        else:
            yield item


def _number(bound: Any) -> Any:  # noqa: ANN401 - what pydantic compares with the value
    """Return a whole bound as an int: ``1`` reads better than ``1.0``. Values that are not numbers are unchanged."""
    if isinstance(bound, decimal.Decimal):
        bound = float(bound)
    if isinstance(bound, int):
        return int(bound)
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
