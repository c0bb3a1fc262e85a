"""Predicates: filter the events of a controller.

They combine with ``&``, ``|`` and ``~``::

    controller_managed_by(manager).for_(KaiwuCluster, GenerationChanged() | LabelChanged())
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from kaiwu_runtime.cache._store import EventType, ObjectEvent


class Predicate:
    """Decides whether an event concerns a controller; a subclass overrides `matches`."""

    def matches(self, event: ObjectEvent) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether the event passes."""
        return True

    def __and__(self, other: Predicate) -> Predicate:
        return PredicateFunction(lambda event: self.matches(event) and other.matches(event))

    def __or__(self, other: Predicate) -> Predicate:
        return PredicateFunction(lambda event: self.matches(event) or other.matches(event))

    def __invert__(self) -> Predicate:
        return PredicateFunction(lambda event: not self.matches(event))


class PredicateFunction(Predicate):
    """A function of an event as a predicate.

    Args:
        function: Returns whether the event passes.
    """

    def __init__(self, function: Callable[[ObjectEvent], bool]) -> None:
        self._function = function

    def matches(self, event: ObjectEvent) -> bool:
        """Ask the function."""
        return self._function(event)


class _Changed(Predicate):
    """Filter modifications only; additions and deletions pass."""

    _attribute: ClassVar[str]
    """The attribute of :class:`~kaiwu_runtime.cache.CachedObject` that has to differ."""

    def matches(self, event: ObjectEvent) -> bool:
        """Compare the two states of a modification."""
        if event.type is not EventType.MODIFIED or event.old is None:
            return True
        return bool(getattr(event.object, self._attribute) != getattr(event.old, self._attribute))


class GenerationChanged(_Changed):
    """Lets a modification through when ``metadata.generation`` moved, so when the spec did.

    So a controller is not triggered by its own writes of the status. Additions and deletions pass. Changes of
    metadata do not move the generation; the beginning of a deletion does.
    """

    _attribute = "generation"


class ResourceVersionChanged(_Changed):
    """Lets a modification through when anything at all changed."""

    _attribute = "resource_version"


class LabelChanged(_Changed):
    """Lets a modification through when a label changed."""

    _attribute = "labels"


class AnnotationChanged(_Changed):
    """Lets a modification through when an annotation changed."""

    _attribute = "annotations"


Filter = Predicate | Callable[[ObjectEvent], bool]
"""A predicate, or a plain function of an event."""


def all_predicates(filters: tuple[Filter, ...]) -> tuple[Predicate, ...]:
    """Return predicates, with those of plain functions."""
    return tuple(each if isinstance(each, Predicate) else PredicateFunction(each) for each in filters)
