"""Which changes concern a controller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kaiwu_runtime.cache import CachedObject, EventType, ObjectEvent
from kaiwu_runtime.controller import (
    AnnotationChanged,
    GenerationChanged,
    LabelChanged,
    Predicate,
    PredicateFunction,
    ResourceVersionChanged,
)


def obj(version: str = "1", **metadata: Any) -> CachedObject:
    document = {"metadata": {"name": "x", "uid": "u", "resourceVersion": version, **metadata}}
    return CachedObject.parse(json.dumps(document).encode())


SPEC = ObjectEvent(EventType.MODIFIED, obj("2", generation=2), obj("1", generation=1))
STATUS = ObjectEvent(EventType.MODIFIED, obj("2", generation=1), obj("1", generation=1))
LABEL = ObjectEvent(EventType.MODIFIED, obj("2", labels={"a": "b"}), obj("1"))
ANNOTATION = ObjectEvent(EventType.MODIFIED, obj("2", annotations={"a": "b"}), obj("1"))
RESYNC = ObjectEvent(EventType.MODIFIED, obj("1"), obj("1"))
ADDED = ObjectEvent(EventType.ADDED, obj())
DELETED = ObjectEvent(EventType.DELETED, obj(), obj())


@pytest.mark.parametrize(
    ("predicate", "event", "expected"),
    [
        (GenerationChanged(), SPEC, True),
        (GenerationChanged(), STATUS, False),
        (GenerationChanged(), ADDED, True),
        (GenerationChanged(), DELETED, True),
        (LabelChanged(), LABEL, True),
        (LabelChanged(), SPEC, False),
        (LabelChanged(), ADDED, True),
        (AnnotationChanged(), ANNOTATION, True),
        (AnnotationChanged(), LABEL, False),
        (AnnotationChanged(), DELETED, True),
        (ResourceVersionChanged(), STATUS, True),
        (ResourceVersionChanged(), RESYNC, False),
        (ResourceVersionChanged(), ADDED, True),
        (GenerationChanged() | LabelChanged(), LABEL, True),
        (GenerationChanged() & LabelChanged(), LABEL, False),
        (~LabelChanged(), SPEC, True),
        (~LabelChanged(), LABEL, False),
        (PredicateFunction(lambda event: event.type is EventType.DELETED), DELETED, True),
        (PredicateFunction(lambda event: event.type is EventType.DELETED), ADDED, False),
        (Predicate(), STATUS, True),
    ],
)
def test_predicates(predicate: Predicate, event: ObjectEvent, expected: bool) -> None:
    assert predicate.matches(event) is expected
