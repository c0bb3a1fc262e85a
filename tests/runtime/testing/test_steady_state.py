"""What an operator of several children sends over a longer time: only what changes something."""

from __future__ import annotations

import os
import random
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest
from lightkube.models.apps_v1 import DeploymentSpec, StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.models.policy_v1 import PodDisruptionBudgetSpec
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Secret, Service, ServiceAccount
from lightkube.resources.policy_v1 import PodDisruptionBudget

from kaiwu_runtime import Client, ControllerBuilder, Manager, ManagerOptions, ObjectReconciler, Result, child_of
from kaiwu_runtime.api import ObjectKey, identify
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.rest import TransportWrapper
from kaiwu_runtime.testing import FakeTransport, Simulator, run_manager, virtual_time, wait_for

from .api import Gadget, GadgetSpec, GadgetStatus

# More of each for a long run by hand.
SEEDS = int(os.environ.get("KAIWU_STEADY_SEEDS", "3"))
OBJECTS = int(os.environ.get("KAIWU_STEADY_OBJECTS", "50"))
MINUTES = int(os.environ.get("KAIWU_STEADY_MINUTES", "10"))
EDITS = int(os.environ.get("KAIWU_STEADY_EDITS", "60"))
POLL = timedelta(seconds=10)
CHILDREN = (ConfigMap, Secret, ServiceAccount, Service, StatefulSet, PodDisruptionBudget, Deployment)
_by_operator: ContextVar[bool] = ContextVar("_by_operator", default=False)


class Operators(TransportWrapper):
    """The requests of the operator, told from those of the cluster and of its users."""

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        token = _by_operator.set(True)
        try:
            return await super().request(method, path, **arguments)
        finally:
            _by_operator.reset(token)


class Writes:
    """Counts what the operator has sent, and what of it changed anything."""

    def __init__(self, fake: FakeTransport) -> None:
        self.sent: Counter[str] = Counter()
        self.changed = 0
        fake.after("write", None, self._count)

    def _count(self, request: Any) -> None:
        if _by_operator.get():
            self.sent[f"{request.identity.kind} {request.subresource}".strip()] += 1
            self.changed += request.changed


def pods(name: str, image: str) -> PodTemplateSpec:
    return PodTemplateSpec(
        metadata=ObjectMeta(labels={"app": name}), spec=PodSpec(containers=[Container(name="main", image=image)])
    )


class Database(ObjectReconciler[Gadget]):
    """Applies all its children at each pass, as every tutorial has it, and looks again after a while."""

    resend = False
    passes = 0

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        for kind in CHILDREN:
            controller = controller.owns(kind)
        return controller.with_options(max_concurrent_reconciles=4)

    async def reconcile(self, gadget: Gadget) -> Result:
        type(self).passes += 1
        assert gadget.spec is not None
        assert gadget.status is not None
        name, size = gadget.metadata.name or "", gadget.spec.size or 1
        selector = LabelSelector(matchLabels={"app": name})
        ports = [ServicePort(port=5432)]
        children = (
            child_of(gadget, ConfigMap, data={"size": str(size)}),
            child_of(gadget, Secret, type="Opaque"),
            child_of(gadget, ServiceAccount),
            child_of(gadget, Service, spec=ServiceSpec(selector={"app": name}, ports=ports)),
            child_of(
                gadget,
                StatefulSet,
                spec=StatefulSetSpec(serviceName=name, replicas=size, selector=selector, template=pods(name, "db:1")),
            ),
            child_of(gadget, PodDisruptionBudget, spec=PodDisruptionBudgetSpec(maxUnavailable=1, selector=selector)),
            child_of(
                gadget,
                Deployment,
                spec=DeploymentSpec(
                    replicas=1,
                    selector=LabelSelector(matchLabels={"app": f"{name}-proxy"}),
                    template=pods(f"{name}-proxy", "proxy:1"),
                ),
            ),
        )
        for child in children:
            await self.client.apply(child, resend=self.resend)
        found = await self.client.get(StatefulSet, name, namespace=gadget.metadata.namespace or "")
        ready = (found.status and found.status.readyReplicas) or 0
        gadget.status.phase = "Running" if ready == size else f"{ready} of {size}"
        return Result(requeue_after=POLL)


class ResendingDatabase(Database):
    """The same without the client's memory of what it applied."""

    resend = True


def manager_of(fake: FakeTransport, kind: type[Database] = Database) -> Manager:
    client = Client(Operators(fake), namespace="x", field_manager="database")
    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=client)
    manager.setup(kind)
    return manager


def gadget(name: str, size: int = 1) -> Gadget:
    return Gadget(metadata=ObjectMeta(name=name, namespace="x"), spec=GadgetSpec(size=size), status=GadgetStatus())


def is_running(found: Gadget) -> bool:
    return found.status is not None and found.status.phase == "Running"


def story(kind: type[Database]) -> Writes:
    """Create a database, scale it out and in, let it run for a while, and return what was sent."""
    with virtual_time() as clock:

        async def main() -> Writes:
            fake = FakeTransport(Gadget, collect_garbage=True)
            plain, writes = Client(fake, namespace="x"), Writes(fake)
            async with Simulator(plain), run_manager(manager_of(fake, kind)):
                await plain.create(gadget("a", 3))
                for size in (3, 5, 1):
                    await plain.patch(Gadget, "a", {"spec": {"size": size}}, namespace="x")
                    await clock.advance(1)
                    await wait_for(plain, Gadget, ObjectKey("x", "a"), is_running, timeout=600)
                    await clock.advance(60)
            return writes

        return clock.run(main())


def test_the_story_of_a_database_sends_little_that_changes_nothing() -> None:
    before, now = story(ResendingDatabase), story(Database)
    print(f"without the memory: {before.sent.total()} writes sent, {before.changed} of them changed something")
    print(f"with it: {now.sent.total()} sent, {now.changed} changed something")
    assert now.changed == before.changed
    assert now.sent.total() - now.changed <= 0.1 * now.sent.total(), now.sent
    assert before.sent.total() > 3 * now.sent.total()


def test_objects_at_rest_are_looked_at_without_a_write() -> None:
    with virtual_time() as clock:

        async def main() -> tuple[int, int]:
            fake = FakeTransport(Gadget, collect_garbage=True)
            plain, writes = Client(fake, namespace="x"), Writes(fake)
            manager = manager_of(fake)
            async with Simulator(plain), run_manager(manager):
                for number in range(OBJECTS):
                    await plain.create(gadget(f"g{number}"))
                await clock.advance(120)
                assert all(is_running(found) for found in await plain.list(Gadget, namespace="x"))
                sent, version = writes.sent.total(), fake.version
                Database.passes = 0
                await clock.advance(60 * MINUTES)
                assert Database.passes >= OBJECTS * MINUTES
                return writes.sent.total() - sent, fake.version - version

        assert clock.run(main()) == (0, 0)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_fields_that_an_adversary_edits_are_put_right(seed: int) -> None:
    """An adversary edits, deletes and takes over what the operator owns; at the end nothing differs."""
    chance = random.Random(seed)
    names = [f"g{number}" for number in range(20)]

    async def edit(adversary: Client, name: str) -> None:
        kind = chance.choice(CHILDREN)
        act = chance.choice(["labels", "owners", "delete", "spec", "spec"])
        if act == "delete":
            await adversary.delete(kind, name, namespace="x")
        elif act == "labels":
            await adversary.patch(kind, name, {"metadata": {"labels": {"edited": str(chance.random())}}}, namespace="x")
        elif act == "owners":
            await adversary.patch(kind, name, {"metadata": {"ownerReferences": None}}, namespace="x")
        elif kind is ConfigMap:
            await adversary.patch(kind, name, {"data": {"size": str(chance.randrange(99))}}, namespace="x")
        elif kind in {StatefulSet, Deployment}:
            await adversary.patch(kind, name, {"spec": {"replicas": chance.randrange(9)}}, namespace="x")
        elif kind is PodDisruptionBudget:
            await adversary.patch(kind, name, {"spec": {"maxUnavailable": chance.randrange(9)}}, namespace="x")

    def owned(objects: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
        kinds = {identify(kind).kind for kind in CHILDREN}
        return {
            (found["kind"], found["metadata"]["name"]): (
                found.get("data"),
                (found.get("spec") or {}).get("replicas"),
                (found.get("spec") or {}).get("maxUnavailable"),
                [(owner["kind"], owner["name"]) for owner in found["metadata"].get("ownerReferences", ())],
            )
            for found in objects
            if found["kind"] in kinds and found["metadata"]["name"] in names
        }

    with virtual_time() as clock:

        async def main() -> None:
            fake = FakeTransport(Gadget, collect_garbage=True)
            plain, adversary = Client(fake, namespace="x"), Client(fake, namespace="x", field_manager="adversary")
            async with Simulator(plain), run_manager(manager_of(fake)):
                for name in names:
                    await plain.create(gadget(name, 2))
                await clock.advance(120)
                wanted = owned(fake.stored())
                assert len(wanted) == len(names) * len(CHILDREN)
                for _ in range(EDITS):
                    with suppress(NotFoundError):
                        await edit(adversary, chance.choice(names))
                    await clock.advance(chance.choice((0, 0.01, 1, 20)))
                await clock.advance(60)
                assert owned(fake.stored()) == wanted

        clock.run(main())
