"""What an informer makes of what its reflectors bring."""

from __future__ import annotations

import asyncio

from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.cache import CachedObject, ObjectEvent
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.errors import GoneError

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
    after = {obj.key.name: obj for obj in informer.list()}
    assert sorted(after) == ["a", "b", "c", "e"]
    assert {name for name, obj in after.items() if obj is before[name]} == {"a", "e"}
    assert (after["b"].resource_version, after["c"].uid) == ("5", "another")
    assert informer.known(before["a"]) is before["a"]
    assert informer.known(before["d"]) is before["d"]
