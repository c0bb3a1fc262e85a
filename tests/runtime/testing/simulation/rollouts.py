"""Stories of rollouts, told to the simulator and to the controllers of Kubernetes, and what is seen of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from lightkube.models.apps_v1 import DeploymentSpec, StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment, ReplicaSet, StatefulSet
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.testing import Simulator, eventually

LABELS = {"app": "a"}

Story = Callable[["Stage"], Awaitable[None]]
STORIES: dict[str, Story] = {}


def story(function: Story) -> Story:
    STORIES[function.__name__] = function
    return function


class Stage:
    """A namespace with one workload.

    Args:
        client: Of the API server.
        simulator: Plays the Pods, at least.
        namespace: The namespace.

    Attributes:
        notes: What was seen, for a comparison.
    """

    def __init__(self, client: Client, simulator: Simulator, namespace: str) -> None:
        self.client = client
        self.simulator = simulator
        self.namespace = namespace
        self.notes: list[Any] = []
        self._revisions: list[str] = []

    def template(self, image: str) -> PodTemplateSpec:
        spec = PodSpec(containers=[Container(name="a", image=image)], terminationGracePeriodSeconds=0)
        return PodTemplateSpec(metadata=ObjectMeta(labels=LABELS), spec=spec)

    async def deployment(self, replicas: int, image: str, **more: Any) -> None:
        selector = LabelSelector(matchLabels=LABELS)
        values = {"replicas": replicas, "selector": selector, "template": self.template(image), **more}
        meta = ObjectMeta(name="a", namespace=self.namespace)
        await self.client.apply(Deployment(metadata=meta, spec=DeploymentSpec(**values)))

    async def stateful_set(self, replicas: int, image: str, **more: Any) -> None:
        selector = LabelSelector(matchLabels=LABELS)
        values = {"serviceName": "a", "replicas": replicas, "selector": selector, "template": self.template(image)}
        meta = ObjectMeta(name="a", namespace=self.namespace)
        spec = StatefulSetSpec(**{**values, **more})
        await self.client.apply(StatefulSet(metadata=meta, spec=spec))

    async def until(self, check: Callable[[dict[str, Any]], bool], kind: type[Any] = Deployment) -> None:
        """Wait for a state of the workload, and note it."""

        async def look() -> bool:
            found = (await self.client.get(kind, ObjectKey(self.namespace, "a"))).to_dict()
            status = found.get("status") or {}
            return status.get("observedGeneration") == found["metadata"]["generation"] and check(status)

        done: bool = await eventually(look, timeout=60, interval=0.1)
        assert done
        await asyncio.sleep(1.5)
        await self.note(kind)

    async def note(self, kind: type[Any] = Deployment) -> None:
        """Note the state of the workload and of its parts, without names that are random."""
        found = (await self.client.get(kind, ObjectKey(self.namespace, "a"))).to_dict()
        status = dict(found.get("status") or {})
        names = {"currentRevision", "updateRevision"}
        conditions = {each["type"]: each for each in status.pop("conditions", [])}
        noted: dict[str, Any] = {name: value for name, value in status.items() if value and name not in names}
        noted.update({name: self._number(status[name]) for name in sorted(names & status.keys())})
        sets = [each.to_dict() for each in await self.client.list(ReplicaSet, namespace=self.namespace)]
        for each in conditions.values():
            text = each.get("message", "")
            for one in sets:
                text = text.replace(one["metadata"]["name"], f"a-{image_of(one['spec']['template'])}")
            noted[each["type"]] = (each["status"], each.get("reason"), text)
        noted["sets"] = {image_of(one["spec"]["template"]): described(one) for one in sets}
        noted["revision"] = (found["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
        pods = [each.to_dict() for each in await self.client.list(Pod, namespace=self.namespace)]
        living = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        if kind is StatefulSet:
            noted["pods"] = {
                each["metadata"]["name"]: (
                    image_of(each),
                    self._number(each["metadata"]["labels"]["controller-revision-hash"]),
                )
                for each in living
            }
        else:
            noted["pods"] = sorted(map(image_of, living))
        self.notes.append(noted)

    def _number(self, revision: str) -> int:
        if revision not in self._revisions:
            self._revisions.append(revision)
        return self._revisions.index(revision)


def plain(value: Any) -> Any:
    """Return values of lightkube's models as JSON."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value.to_dict() if hasattr(value, "to_dict") else value


def image_of(template: dict[str, Any]) -> str:
    return str(template["spec"]["containers"][0]["image"])


def described(one: dict[str, Any]) -> dict[str, Any]:
    status, metadata = one.get("status") or {}, one["metadata"]
    numbers = ("replicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas")
    return {
        "wanted": one["spec"]["replicas"],
        "minReadySeconds": one["spec"].get("minReadySeconds"),
        **{name: status[name] for name in numbers if status.get(name)},
        **{
            name.rpartition("/")[2]: value
            for name, value in (metadata.get("annotations") or {}).items()
            if name.startswith("deployment.kubernetes.io/") and not name.endswith("history")
        },
        "hash": metadata["labels"]["pod-template-hash"] == metadata["name"].rpartition("-")[2],
    }


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}


def complete(count: int) -> Callable[[dict[str, Any]], bool]:
    fields = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return lambda status: all(status.get(name, 0) == count for name in fields)


@asynccontextmanager
async def extremes(stage: Stage) -> AsyncIterator[None]:
    """Note the largest and the smallest number of Pods, and of ready ones, while something goes on."""
    seen: list[tuple[int, int]] = []

    async def watch() -> None:
        while True:
            pods = [each.to_dict() for each in await stage.client.list(Pod, namespace=stage.namespace)]
            living = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
            ready = sum(
                1
                for each in living
                for one in (each.get("status") or {}).get("conditions", [])
                if one["type"] == "Ready" and one["status"] == "True"
            )
            seen.append((len(living), ready))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    stage.notes.append({"most": max(count for count, _ in seen), "ready at least": min(ready for _, ready in seen)})


async def replaced(stage: Stage, replicas: int, strategy: dict[str, Any]) -> None:
    await stage.deployment(replicas, "web:1", **strategy)
    await stage.until(complete(replicas))
    async with extremes(stage):
        await stage.deployment(replicas, "web:2", **strategy)
        await stage.until(complete(replicas))


@story
async def one_more_and_none_less(stage: Stage) -> None:
    await replaced(stage, 3, rolling(1, 0))


@story
async def one_less_and_none_more(stage: Stage) -> None:
    await replaced(stage, 3, rolling(0, 1))


@story
async def by_shares(stage: Stage) -> None:
    await replaced(stage, 4, rolling("50%", "25%"))


@story
async def by_default(stage: Stage) -> None:
    await replaced(stage, 4, {})


@story
async def all_at_once(stage: Stage) -> None:
    await replaced(stage, 2, {"strategy": {"type": "Recreate"}})


@story
async def a_broken_template_stops_the_rollout(stage: Stage) -> None:
    deadline = {**rolling(1, 1), "progressDeadlineSeconds": 4}
    await stage.deployment(4, "web:1", **deadline)
    await stage.until(complete(4))
    stage.simulator.break_image("web:2")
    await stage.deployment(4, "web:2", **deadline)
    await stage.until(lambda status: reason(status, "Progressing") == "ProgressDeadlineExceeded")
    await stage.deployment(4, "web:1", **deadline)
    await stage.until(complete(4))
    stage.simulator.repair_image("web:2")
    await stage.deployment(4, "web:2", **deadline)
    await stage.until(complete(4))


def reason(status: dict[str, Any], kind: str) -> str:
    return next((each["reason"] for each in status.get("conditions", []) if each["type"] == kind), "")


@story
async def pods_count_after_a_while(stage: Stage) -> None:
    more = {**rolling(1, 0), "minReadySeconds": 3, "progressDeadlineSeconds": 60}
    await stage.deployment(2, "web:1", **more)
    await stage.until(lambda status: status.get("readyReplicas") == 2)
    await stage.until(complete(2))


@story
async def a_size_changes_in_the_middle(stage: Stage) -> None:
    stage.simulator.break_image("web:2")
    more = rolling(2, 1)
    await stage.deployment(6, "web:1", **more)
    await stage.until(complete(6))
    await stage.deployment(6, "web:2", **more)
    await stage.until(lambda status: status.get("updatedReplicas") == 3)
    await stage.deployment(12, "web:2", **more)
    await stage.until(lambda status: status.get("availableReplicas", 0) >= 8)
    await stage.deployment(3, "web:2", **more)
    await stage.until(lambda status: status.get("replicas", 0) <= 5)
    await stage.deployment(0, "web:2", **more)
    await stage.until(complete(0))


@story
async def a_pause_holds_a_new_template(stage: Stage) -> None:
    await stage.deployment(2, "web:1")
    await stage.until(complete(2))
    await stage.deployment(2, "web:2", paused=True)
    await stage.until(lambda status: reason(status, "Progressing") == "DeploymentPaused")
    await stage.deployment(3, "web:2", paused=True)
    await stage.until(lambda status: status.get("readyReplicas") == 3)
    await stage.deployment(3, "web:2")
    await stage.until(complete(3))


def members(count: int, updated: int) -> Callable[[dict[str, Any]], bool]:
    def check(status: dict[str, Any]) -> bool:
        ready = (status.get("readyReplicas", 0), status.get("replicas", 0)) == (count, count)
        return ready and status.get("updatedReplicas", 0) == updated

    return check


@story
async def members_below_the_partition_stay(stage: Stage) -> None:
    await stage.stateful_set(4, "db:1")
    await stage.until(members(4, 4), StatefulSet)
    part: dict[str, Any] = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
    await stage.stateful_set(4, "db:2", **part)
    await stage.until(members(4, 2), StatefulSet)
    await stage.client.delete(Pod, "a-0", namespace=stage.namespace)
    await stage.until(members(4, 2), StatefulSet)
    await stage.client.delete(Pod, "a-3", namespace=stage.namespace)
    await stage.until(members(4, 2), StatefulSet)
    part["updateStrategy"]["rollingUpdate"]["partition"] = 0
    await stage.stateful_set(4, "db:2", **part)
    await stage.until(members(4, 4), StatefulSet)


@story
async def members_are_replaced_when_they_are_deleted(stage: Stage) -> None:
    strategy = {"updateStrategy": {"type": "OnDelete"}}
    await stage.stateful_set(2, "db:1", **strategy)
    await stage.until(members(2, 2), StatefulSet)
    await stage.stateful_set(2, "db:2", **strategy)
    await stage.until(members(2, 0), StatefulSet)
    await stage.client.delete(Pod, "a-0", namespace=stage.namespace)
    await stage.until(members(2, 1), StatefulSet)
    await stage.client.delete(Pod, "a-1", namespace=stage.namespace)
    await stage.until(members(2, 2), StatefulSet)


async def broken(stage: Stage, **more: Any) -> None:
    await stage.stateful_set(3, "db:1", **more)
    await stage.until(members(3, 3), StatefulSet)
    stage.simulator.break_image("db:2")
    await stage.stateful_set(3, "db:2", **more)
    await stage.until(lambda status: status.get("readyReplicas") == 2, StatefulSet)
    await stage.stateful_set(3, "db:1", **more)


@story
async def a_broken_member_stops_the_update(stage: Stage) -> None:
    await broken(stage)
    await asyncio.sleep(2)
    await stage.note(StatefulSet)
    await stage.client.delete(Pod, "a-2", namespace=stage.namespace)
    await stage.until(members(3, 3), StatefulSet)


@story
async def a_broken_member_among_parallel_ones(stage: Stage) -> None:
    await broken(stage, podManagementPolicy="Parallel")
    await stage.until(members(3, 3), StatefulSet)


@story
async def members_wait_until_those_before_are_available(stage: Stage) -> None:
    await stage.stateful_set(2, "db:1", minReadySeconds=2)
    await stage.until(lambda status: status.get("availableReplicas") == 2, StatefulSet)
    await stage.stateful_set(2, "db:2", minReadySeconds=2)
    await stage.until(lambda s: (s.get("availableReplicas"), s.get("updatedReplicas")) == (2, 2), StatefulSet)
    await stage.stateful_set(0, "db:2", minReadySeconds=2)
    await stage.until(lambda status: not status.get("replicas"), StatefulSet)
