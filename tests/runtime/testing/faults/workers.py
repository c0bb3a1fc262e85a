"""A scenario of one Gadget whose operator notes what it does outside Kubernetes, and a run of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.testing.faults import Cluster, Outcome, Plan, Scenario, step
from kaiwu_runtime.testing.faults._run import run

from ..api import Gadget


class Log:
    """What was done, by whom: each life has a number."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def note(self, text: str) -> None:
        self.done.append(text)

    async def note_later(self, text: str) -> None:
        await asyncio.sleep(0.1)
        self.done.append(text)

    def read(self) -> int:
        return len(self.done)

    async def read_later(self) -> int:
        await asyncio.sleep(0.2)
        return len(self.done)


class Worker(Reconciler):
    lives: ClassVar[int] = 0

    def __init__(self, client: Client, log: Log) -> None:
        super().__init__(client)
        self.log = log
        type(self).lives += 1
        self.life = type(self).lives

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(Gadget).complete(self)


def config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"))


class Plain(Worker):
    """Calls a plain function, with a cleanup that a killed process does not get to."""

    async def reconcile(self, request: Request) -> Result:
        try:
            self.log.note(f"{self.life} began")
            await self.client.apply(config_map("a"))
            self.log.note(f"{self.life} ended")
        finally:
            self.log.note(f"{self.life} cleaned up")
        return Result()


class Once(Scenario):
    kinds = (Gadget,)
    worker: ClassVar[type[Worker]] = Plain

    def operator(self, manager: Manager) -> None:
        manager.setup(self.worker)

    def outside(self) -> Mapping[type[Any], object]:
        self.worker.lives = 0
        return {Log: Log()}

    @step
    async def create(self, cluster: Cluster) -> None:
        await cluster.client.create(
            Gadget.model_validate({"metadata": {"name": "a", "namespace": cluster.namespace}, "spec": {}})
        )


def outcome(worker: type[Worker], plan: str) -> tuple[Outcome, list[str]]:
    kind = type(worker.__name__, (Once,), {"worker": worker})
    reference = run(kind, Plan("none"), None, 0)
    assert reference.failure == ""
    found = run(kind, Plan.parse(plan), reference, 0)
    return found, found.states["create"]["outside: Log"]["done"]
