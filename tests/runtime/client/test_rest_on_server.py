"""No write is ever the reason of the next: whatever controllers write, in whatever order, the object comes to rest."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret
from pydantic import Field

from kaiwu_runtime import (
    Client,
    add_finalizer,
    create_or_update,
    patch_changes,
    remove_owner_reference,
    set_controller_reference,
    set_owner_reference,
)
from kaiwu_runtime.api import (
    APIModel,
    Conditions,
    CustomResource,
    Float,
    Nullable,
    PreserveUnknownFields,
    remove_condition,
    resource,
    set_condition,
)
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ConflictError

from ..crds import install

pytestmark = pytest.mark.envtest

NUMBERS = st.sampled_from(
    [0, 1, -1, 2**31 - 1, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, 1.0, -0.0, 0.1, 1e20, 1e-7, 1.5e300]
)
SCALARS = (
    st.none()
    | st.booleans()
    | NUMBERS
    | st.text(max_size=4)
    | st.sampled_from(["\u2028", "\x85", "\x7f", "1", "true", "~"])
)
NAMES = st.sampled_from(["a", "b", "a.b/c~d", "", "0", "é"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
CONTENTS = st.dictionaries(NAMES, VALUES, max_size=3)


class ThingSpec(APIModel):
    open: Annotated[dict[str, Any], PreserveUnknownFields()] = Field(default_factory=dict)
    ratio: Float | None = None
    nothing: Annotated[str | None, Nullable()] = "something"
    tags: list[str] = Field(default_factory=lambda: ["default"])


class ThingStatus(APIModel):
    seen: Annotated[dict[str, Any], PreserveUnknownFields()] = Field(default_factory=dict)
    conditions: Conditions = Conditions()


@resource(group="rest.example.com", version="v1")
class Thing(CustomResource):
    spec: ThingSpec = Field(default_factory=ThingSpec)
    status: ThingStatus = Field(default_factory=ThingStatus)


GenericThing: Any = create_namespaced_resource("rest.example.com", "v1", "Thing", "things")


class Story:
    """One object that several controllers write, and what they write."""

    def __init__(self, client: Client, contents: dict[str, Any], number: float, owners: list[Secret]) -> None:
        self.client = client
        self.contents = contents
        # The type has floats: an integer that no float is equal to would be another value in a model that validates it
        # than in one whose attribute is set, which pydantic does not validate.
        self.number = float(number)
        self.owners = owners
        self.name = f"t-{uuid.uuid4().hex}"

    def place(self, **more: Any) -> ObjectMeta:
        return ObjectMeta(name=self.name, namespace="default", **more)

    async def get(self) -> Thing:
        return await self.client.get(Thing, self.name, namespace="default")

    async def version(self) -> str | None:
        return (await self.get()).metadata.resourceVersion


async def _typed_update(story: Story) -> None:
    def mutate(found: Thing) -> None:
        found.spec.open = deepcopy(story.contents)
        found.spec.ratio = story.number
        found.spec.nothing = None
        found.spec.tags.clear()
        found.metadata.labels = found.metadata.labels or {}
        found.metadata.annotations = found.metadata.annotations or {}

    await create_or_update(story.client, Thing(metadata=story.place()), mutate)


async def _generic_update(story: Story) -> None:
    def mutate(found: Any) -> None:
        found["spec"]["open"] = deepcopy(story.contents)

    await create_or_update(
        story.client, GenericThing(metadata={"name": story.name, "namespace": "default"}, spec={}), mutate
    )


async def _changes(story: Story) -> None:
    found = await story.get()
    base = found.model_copy(deep=True)
    found.spec.open = deepcopy(story.contents)
    found.metadata.annotations = {**(found.metadata.annotations or {}), "example.com/a": str(story.number)}
    await patch_changes(story.client, found, base)


async def _apply(story: Story) -> None:
    spec = ThingSpec(open=story.contents, ratio=story.number, tags=[])
    await story.client.apply(Thing(metadata=story.place(labels={"a": "b"}), spec=spec), field_manager="one")


async def _apply_another_part(story: Story) -> None:
    child = Thing(metadata=story.place(annotations={}, labels={}, finalizers=[]), spec=ThingSpec(nothing=None))
    set_owner_reference(story.owners[0], child)
    await story.client.apply(child, field_manager="two")


async def _apply_generic(story: Story) -> None:
    made = GenericThing(metadata={"name": story.name, "namespace": "default"}, spec={"open": story.contents})
    set_owner_reference(story.owners[1], made)
    await story.client.apply(made, field_manager="one")


async def _finalizers(story: Story) -> None:
    found = await story.get()
    for name in ("example.com/a", "example.com/b"):
        await add_finalizer(story.client, found, name)


async def _status(story: Story) -> None:
    found = await story.get()
    found.status.seen = deepcopy(story.contents)
    message = "".join(value for value in story.contents.values() if isinstance(value, str))
    for kind in ("Ready", "Synced"):
        set_condition(
            found.status.conditions,
            type=kind,
            status=True,
            reason="A",
            message=message,
            observed_generation=found.metadata.generation,
        )
    remove_condition(found.status.conditions, "Other")
    await story.client.apply_status(found)


async def _status_patch(story: Story) -> None:
    # A null in a merge patch removes: what another controller stores as null would be contradicted.
    seen = {name: value for name, value in story.contents.items() if "null" not in json.dumps(value)}
    await story.client.patch_status(Thing, story.name, {"seen": seen}, namespace="default")


def _owner(number: int) -> Callable[[Story], Awaitable[None]]:
    async def write(story: Story) -> None:
        await create_or_update(
            story.client,
            Thing(metadata=story.place()),
            lambda found: set_owner_reference(story.owners[number], found),
        )

    return write


async def _controller(story: Story) -> None:
    def mutate(found: Any) -> None:
        set_controller_reference(story.owners[2], found)
        remove_owner_reference(story.owners[3], found)

    await create_or_update(
        story.client, GenericThing(metadata={"name": story.name, "namespace": "default"}, spec={}), mutate
    )


WRITERS = {
    "typed create_or_update": _typed_update,
    "generic create_or_update": _generic_update,
    "patch_changes": _changes,
    "apply": _apply,
    "apply of another part": _apply_another_part,
    "apply of a generic kind": _apply_generic,
    "finalizers": _finalizers,
    "status": _status,
    "status patch": _status_patch,
    "first owner": _owner(0),
    "second owner": _owner(1),
    "controller reference": _controller,
}
DISAGREEING = [{"apply", "apply of a generic kind"}]  # one field manager, two configurations: meant to be two writes


@pytest.fixture(scope="module")
def things(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    install(control_plane, [Thing], tmp_path_factory.mktemp("crds"))
    return control_plane


async def _come_to_rest(client: Client, names: list[str], contents: dict[str, Any], number: float) -> None:
    owners = [
        await client.create(Secret(metadata=ObjectMeta(generateName="o-", namespace="default"))) for _ in range(4)
    ]
    story = Story(client, contents, number, owners)
    await client.create(Thing(metadata=story.place()))
    versions = []
    for _ in range(4):
        for name in names:
            for _attempt in range(3):
                try:
                    await WRITERS[name](story)
                    break
                except ConflictError:
                    continue
        versions.append(await story.version())
    # The second round may still see what the first one of another controller did; then nothing is left to be done.
    assert versions[1] == versions[2] == versions[3], versions


@given(
    st.lists(st.sampled_from(sorted(WRITERS)), min_size=1, max_size=5, unique=True).filter(
        lambda names: not any(both <= {*names} for both in DISAGREEING)
    ),
    CONTENTS,
    NUMBERS,
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_any_controllers_together_come_to_rest(
    things: ControlPlane, names: list[str], contents: dict[str, Any], number: float
) -> None:
    async def main() -> None:
        async with Client.connect(things.kubeconfig) as client:
            await _come_to_rest(client, names, contents, number)

    asyncio.run(main())


@pytest.mark.parametrize("name", WRITERS)
@given(CONTENTS, NUMBERS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_each_controller_alone_writes_once(
    things: ControlPlane, name: str, contents: dict[str, Any], number: float
) -> None:
    async def main() -> None:
        async with Client.connect(things.kubeconfig) as client:
            owners = [
                await client.create(Secret(metadata=ObjectMeta(generateName="o-", namespace="default")))
                for _ in range(4)
            ]
            story = Story(client, contents, number, owners)
            await client.create(Thing(metadata=story.place()))
            await WRITERS[name](story)
            version = await story.version()
            await WRITERS[name](story)
            assert await story.version() == version

    asyncio.run(main())


async def test_what_is_written_is_what_was_wanted(things: ControlPlane, client: Client) -> None:
    """A null, an empty list and a boolean in the place of a number are changes, and arrive."""
    owners = [await client.create(Secret(metadata=ObjectMeta(generateName="o-", namespace="default")))] * 4
    story = Story(client, {"a": 1, "n": {"x": [0]}}, 1.0, owners)
    await client.create(Thing(metadata=story.place(), spec=ThingSpec(tags=["t"], nothing="x")))
    await _typed_update(story)
    stored = await client.get(GenericThing, story.name, namespace="default")
    assert stored["spec"] == {"open": {"a": 1, "n": {"x": [0]}}, "ratio": 1, "nothing": None, "tags": []}
    story.contents = {"a": True, "n": {"x": [False], "null": None}}
    await _typed_update(story)
    stored = await client.get(GenericThing, story.name, namespace="default")
    assert json.dumps(stored["spec"]["open"], sort_keys=True) == json.dumps(story.contents, sort_keys=True)
