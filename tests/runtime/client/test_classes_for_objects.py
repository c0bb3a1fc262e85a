"""A class, or something else, where an object is expected: the mistake is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import child_of, create_or_update, set_controller_reference, set_owner_reference
from kaiwu_runtime.client import Client, add_finalizer
from kaiwu_runtime.testing import FakeTransport

from ..testing.api import Gadget

OWNER = ConfigMap(metadata=ObjectMeta(name="a", namespace="x", uid="u"))
TAKES_AN_OBJECT: dict[str, Callable[[Client, Any], Any]] = {
    "create": lambda client, obj: client.create(obj),
    "apply": lambda client, obj: client.apply(obj),
    "apply_status": lambda client, obj: client.apply_status(obj),
    "create_or_update": lambda client, obj: create_or_update(client, obj, lambda _: None),
    "add_finalizer": lambda client, obj: add_finalizer(client, obj, "example.com/x"),
    "child_of": lambda _, obj: child_of(obj, ConfigMap),
    "set_owner_reference": lambda _, obj: set_owner_reference(obj, ConfigMap()),
    "set_controller_reference": lambda _, obj: set_controller_reference(OWNER, obj),
}


@pytest.mark.parametrize("given", [Gadget, ConfigMap, "text", None, 3], ids=repr)
@pytest.mark.parametrize("function", TAKES_AN_OBJECT)
async def test_it_is_named(function: str, given: Any) -> None:
    client = Client(FakeTransport(Gadget), namespace="x")
    wanted = r"a class is not an object|is a class: pass an object|has no metadata|is not a Kubernetes resource"

    async def call() -> None:
        found = TAKES_AN_OBJECT[function](client, given)
        if asyncio.iscoroutine(found):
            await found

    with pytest.raises(TypeError, match=wanted) as raised:
        await call()
    assert "Meta" not in str(raised.value).replace("metadata", "")
