"""What an informer makes of what its reflectors bring."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap
from pydantic import field_validator

from kaiwu_runtime.api import APIModel, CustomResource, ObjectKey, resource
from kaiwu_runtime.cache import Cache, CachedObject, Informer, ObjectEvent
from kaiwu_runtime.client import PartialObjectMetadata
from kaiwu_runtime.errors import DecodeError, GoneError

from .scripted import ScriptedTransport, event, item, page


async def test_a_second_list_makes_no_second_copy_of_what_is_known() -> None:
    """Objects that lived as long as the list would leave holes in the heap, as large as the cache."""
    gone = GoneError("gone", code=410, reason="Expired")
    changed = event("MODIFIED", item("b", "4"))
    transport = ScriptedTransport(
        lists=[
            page("3", item("a", "1"), item("b", "2"), item("c", "3"), item("d", "3")),
            page("9", item("a", "1"), item("b", "5"), item("c", "3", "another"), item("e", "6")),
        ],
        watches=[[changed, gone]],
    )
    informer = Informer(transport, ConfigMap)
    before: dict[str, CachedObject] = {}

    def first(change: ObjectEvent) -> None:
        before.setdefault(change.object.key.name, change.object)

    informer.add_event_handler(first)
    running = asyncio.create_task(informer.run())
    await asyncio.wait_for(transport.done.wait(), 10)
    running.cancel()
    after = {obj.key.name: obj for obj in informer.store}
    assert sorted(after) == ["a", "b", "c", "e"]
    assert {name for name, obj in after.items() if obj is before[name]} == {"a", "e"}
    assert (after["b"].resource_version, after["c"].uid) == ("5", "another")
    assert informer.known(before["a"]) is before["a"]
    assert informer.known(before["d"]) is before["d"]


class SquareSpec(APIModel):
    size: int = 0

    @field_validator("size")
    @classmethod
    def even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


@resource(group="informer.example.com", version="v1")
class Square(CustomResource):
    spec: SquareSpec = SquareSpec()


def square(name: str, size: int) -> dict[str, Any]:
    return {**item(name, str(size)), "spec": {"size": size}}


async def listed(cache: Cache, *, metadata_only: bool = False) -> Informer[Any]:
    informer = cache.informer(Square, metadata_only=metadata_only)
    running = asyncio.create_task(cache.run())
    await cache.wait_for_sync()
    running.cancel()
    return informer


async def test_readers_get_typed_copies() -> None:
    cache = Cache(ScriptedTransport([page("9", square("a", 2), square("b", 4))], []))
    cache.index_field(Square, "spec.size", lambda obj: [str(obj.spec.size)])
    informer = await listed(cache)
    found = informer.get(ObjectKey("a", "a"))
    assert isinstance(found, Square)
    found.spec.size = 8
    again = informer.get(ObjectKey("a", "a"))
    assert again is not None
    assert again.spec.size == 2, "the cache has its own"
    assert informer.get(ObjectKey("a", "c")) is None
    assert [obj.spec.size for obj in informer.list()] == [2, 4]
    assert [obj.spec.size for obj in informer.list("a")] == [2, 4]
    assert not informer.list("b")
    assert [obj.key.name for obj in informer.by_index("spec.size", "4")] == ["b"]
    with pytest.raises(KeyError):
        informer.by_index("spec.color", "red")


async def test_an_object_that_does_not_fit_is_an_error_that_has_the_others() -> None:
    informer = await listed(Cache(ScriptedTransport([page("9", square("a", 2), square("b", 3))], [])))
    with pytest.raises(DecodeError, match=r"Square a/b: .*must be even") as caught:
        informer.list()
    assert [obj.key.name for obj in caught.value.decoded] == ["a"]
    with pytest.raises(DecodeError, match="Square a/b"):
        informer.get(ObjectKey("a", "b"))
    assert len(informer.store) == 2


async def test_an_informer_of_metadata_gives_metadata() -> None:
    informer = await listed(Cache(ScriptedTransport([page("9", square("a", 3))], [])), metadata_only=True)
    (found,) = informer.list()
    assert isinstance(found, PartialObjectMetadata)
    assert (found.kind, found.metadata.name) == ("Square", "a")
    assert informer.get(ObjectKey("a", "a")) == found


async def test_a_handler_that_removes_itself_takes_no_event_from_the_others() -> None:
    """As one does that waits for the first change: the handler behind it must still hear of that."""
    transport = ScriptedTransport(
        [page("2", item("a", "1"), item("b", "2"))],
        [[event("MODIFIED", item("a", "3")), event("MODIFIED", item("b", "4"))]],
    )
    informer = Informer(transport, ConfigMap)
    once: list[str] = []
    every: list[str] = []

    def first(change: ObjectEvent) -> None:
        once.append(str(change.object))
        informer.remove_event_handler(first)

    informer.add_event_handler(first)
    informer.add_event_handler(lambda change: every.append(change.object.resource_version))
    running = asyncio.create_task(informer.run())
    await asyncio.wait_for(transport.done.wait(), 10)
    running.cancel()
    assert every == ["1", "2", "3", "4"]
    assert len(once) == 1
    with pytest.raises(ValueError):  # noqa: PT011 - a handler that is none
        informer.remove_event_handler(first)


async def test_a_handler_that_comes_while_others_are_called_hears_of_each_state_once() -> None:
    transport = ScriptedTransport([page("2", item("a", "1"))], [[event("MODIFIED", item("a", "3"))]])
    informer = Informer(transport, ConfigMap)
    late: list[str] = []

    def first(change: ObjectEvent) -> None:
        if change.object.resource_version == "1":
            informer.add_event_handler(lambda change: late.append(change.object.resource_version))

    informer.add_event_handler(first)
    running = asyncio.create_task(informer.run())
    await asyncio.wait_for(transport.done.wait(), 10)
    running.cancel()
    assert late == ["1", "3"]
