"""Classes of reconcilers that cannot work, and what a class needs permissions for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, ControllerBuilder, Manager, ManagerOptions, ObjectReconciler
from kaiwu_runtime.api import rbac_rules
from kaiwu_runtime.controller._object_reconciler import check_class
from kaiwu_runtime.errors import ConfigurationError, DefinitionError
from kaiwu_runtime.testing import FakeTransport

from .test_object_reconciler import FINALIZER, Lamp, LampSpec

K = TypeVar("K")


class NoKind(ObjectReconciler):  # type: ignore[type-arg]
    async def reconcile(self, obj: Any) -> None: ...


class NotAResource(ObjectReconciler[LampSpec]):
    async def reconcile(self, obj: LampSpec) -> None: ...


class Blocking(ObjectReconciler[Lamp]):
    def reconcile(self, obj: Lamp) -> None: ...  # type: ignore[override]


class TakesNothing(ObjectReconciler[Lamp]):
    async def reconcile(self) -> None: ...  # type: ignore[override]


class TakesTwo(ObjectReconciler[Lamp]):
    finalizer = FINALIZER

    async def reconcile(self, obj: Lamp) -> None: ...

    async def finalize(self, obj: Lamp, key: str) -> None: ...  # type: ignore[override]


class OnlyName(ObjectReconciler[Lamp]):
    finalizer = FINALIZER

    async def reconcile(self, obj: Lamp) -> None: ...


class OnlyMethod(ObjectReconciler[Lamp]):
    async def reconcile(self, obj: Lamp) -> None: ...

    async def finalize(self, obj: Lamp) -> None: ...


class Biulder(ObjectReconciler[Lamp]):
    def biuld(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.owns(ConfigMap)

    async def reconcile(self, obj: Lamp) -> None: ...


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Biulder, r"Biulder.biuld is never called: did you mean build\?"),
        (NoKind, r"NoKind has no kind: write class NoKind\(ObjectReconciler\[Kind\]\)"),
        (NotAResource, r"NotAResource: .*LampSpec is not a Kubernetes resource"),
        (Blocking, r"Blocking.reconcile: write async def"),
        (TakesNothing, r"TakesNothing.reconcile: .*: write async def reconcile\(self, obj: Lamp\)"),
        (TakesTwo, r"TakesTwo.finalize: .*: write async def finalize\(self, obj: Lamp\)"),
        (OnlyName, r"OnlyName: finalizer .* needs a method finalize"),
        (OnlyMethod, r"OnlyMethod: finalize needs a finalizer: write finalizer = 'lamps.example.com/cleanup'"),
    ],
)
def test_a_class_that_cannot_work_is_refused(kind: type[ObjectReconciler[Any]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_class(kind)
    with pytest.raises(DefinitionError, match=message):
        rbac_rules(kind)  # `make manifests` would leave out its permissions


def test_a_base_of_reconcilers_needs_no_permissions() -> None:
    class Abstract(ObjectReconciler[Lamp]):
        pass

    class Generic(ObjectReconciler[K]):
        async def reconcile(self, obj: K) -> None: ...

    class Finished(Generic[Lamp]):
        pass

    assert rbac_rules(Abstract) == rbac_rules(Generic) == ()
    assert next(iter(rbac_rules(Finished))).resources == ("lamps",)


@pytest.mark.parametrize(
    "build", [lambda c: None, lambda c: c.for_(ConfigMap), lambda c: c.for_(Lamp, metadata_only=True)]
)
async def test_a_builder_for_something_else_is_refused(build: Callable[[ControllerBuilder], Any]) -> None:
    class Other(ObjectReconciler[Lamp]):
        def build(self, controller: ControllerBuilder) -> ControllerBuilder:
            return cast("ControllerBuilder", build(controller))

        async def reconcile(self, obj: Lamp) -> None: ...

    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(FakeTransport(Lamp)))
    manager.setup(Other)
    with pytest.raises(ConfigurationError, match=r"Other\.build"):
        await manager.start()
