"""What a constructor of a project is given, and what is said when there is nothing to give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Clock, EventRecorder, Manager, ManagerOptions, ObjectReconciler, Reader
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing import FakeTransport

if TYPE_CHECKING:
    from kaiwu_runtime.cache import Cache


class Registry:
    """Something outside of the cluster."""


class Part:
    """Keeps what it was made with."""

    made: ClassVar[list[Part]] = []
    module_suffix: ClassVar[str] = "_controller"

    def setup_with_manager(self, manager: Manager) -> None:
        self.made.append(self)


class Everything(Part):
    def __init__(  # noqa: PLR0917 - each of them
        self,
        client: Client,
        reader: Reader,
        cache: Cache,
        events: EventRecorder,
        clock: Clock,
        manager: Manager,
        registry: Registry,
        /,
        size: int = 3,
        *,
        second: Registry | None = None,
    ) -> None:
        self.given = (client, reader, cache, events.name, type(clock), manager, registry, size, second)


class OnlyForTypeCheckers(Part):
    def __init__(self, cache: Cache, clock: Clock | None = None) -> None:
        self.given = (cache, clock is not None)


class Unannotated(Part):
    def __init__(self, client) -> None:  # type: ignore[no-untyped-def]
        self.given = (client,)


class Optional(Part):
    def __init__(self, client: Client, registry: Registry | None = None) -> None:
        self.given = (client, registry)


class ConfigMapReconciler(ObjectReconciler[ConfigMap]):
    def __init__(self, client: Client, events: EventRecorder) -> None:
        super().__init__(client)
        self.events = events
        Part.made.append(self)  # type: ignore[arg-type]

    async def reconcile(self, obj: ConfigMap) -> None: ...


@pytest.fixture
def manager() -> Manager:
    Part.made.clear()
    return Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(FakeTransport()))


async def test_parameters_are_filled_in_by_their_types(manager: Manager) -> None:
    registry = Registry()
    manager.provide(Registry, registry)
    manager.setup(Everything, OnlyForTypeCheckers, Unannotated, Optional, ConfigMapReconciler)
    given: list[Any] = [getattr(part, "given", None) for part in Part.made]
    assert given[:4] == [
        (
            manager.client,
            manager.api_reader,
            manager.cache,
            "everything-controller",
            Clock,
            manager,
            registry,
            3,
            registry,
        ),
        (manager.cache, True),
        (manager.client,),
        (manager.client, registry),
    ]
    assert Part.made[4].events.name == "configmap-controller"  # type: ignore[attr-defined]


async def test_what_has_a_default_needs_no_value(manager: Manager) -> None:
    manager.setup(Optional)
    assert Part.made[0].given == (manager.client, None)  # type: ignore[attr-defined]


async def test_a_value_may_replace_the_managers_own(manager: Manager) -> None:
    clock = Clock()
    manager.provide(Clock, clock)
    manager.setup(OnlyForTypeCheckers)
    assert manager._values[Clock](Everything) is clock


class Silent(Part):
    def __init__(self, client: Client, registry) -> None:  # type: ignore[no-untyped-def]
        self.client = client


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            Everything,
            r"Everything: no value for parameter 'registry' of type Registry: call manager.provide\(Registry, \.\.\.\)",
        ),
        (Silent, "Silent: parameter 'registry' has no annotation: write its type"),
    ],
)
async def test_a_missing_value_is_named(manager: Manager, part: type[Any], message: str) -> None:
    manager.setup(part)
    with pytest.raises(ConfigurationError, match=message):
        await manager.start()
