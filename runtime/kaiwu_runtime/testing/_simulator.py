"""The simulator: what a cluster does with workloads, so that no node is needed, on the fake and on envtest."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kaiwu_runtime import _clock as clock
from kaiwu_runtime._error_text import describe
from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, identify
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import APIError
from kaiwu_runtime.rest._paths import collection_path
from kaiwu_runtime.testing._simulation._deployments import sync_deployment
from kaiwu_runtime.testing._simulation._jobs import sync_job
from kaiwu_runtime.testing._simulation._nodes import SimulatedNode
from kaiwu_runtime.testing._simulation._objects import (
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    KINDS,
    PODS,
    REPLICA_SETS,
    REVISIONS,
    STATEFUL_SETS,
    Object,
    Objects,
    is_deleted,
    simulating,
)
from kaiwu_runtime.testing._simulation._pods import Pods, Timings
from kaiwu_runtime.testing._simulation._replica_sets import sync_replica_set
from kaiwu_runtime.testing._simulation._stateful_sets import sync_stateful_set

logger = logging.getLogger("kaiwu_runtime.testing.simulator")

_PAUSE_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_WATCH_SECONDS = 240
_NODES = ("node-1", "node-2", "node-3")

_WORKLOADS: dict[ResourceIdentity, tuple[Any, ...]] = {
    DEPLOYMENTS: (sync_deployment, REPLICA_SETS, PODS),
    REPLICA_SETS: (sync_replica_set, PODS),
    STATEFUL_SETS: (sync_stateful_set, PODS, CLAIMS, REVISIONS),
    JOBS: (sync_job, PODS),
}
"""What brings a kind of workload a step further, and the kinds it looks at."""


class Simulator:
    """Play the controllers and the nodes of a cluster.

    StatefulSets, Deployments and ReplicaSets get Pods, one after the other where they have an order, are updated, and
    report; Pods become ready after a second, crash and are lost with their node on request; Jobs complete; claims are
    bound. No container runs. It is a runnable: use it as ``async with Simulator(client):``, or add it to a manager.

    Args:
        client: Of an API server in memory, or of one of :mod:`kaiwu_runtime.envtest`, as a cluster administrator.
        timings: How long things take.
        nodes: The nodes: names, of nodes without limits, or :class:`SimulatedNode`. A Pod that fits on none of them
            stays pending, with the scheduler's condition and Event, until one of them has room.
        collect_garbage: Types of objects whose dependents are deleted with them, as the garbage collector does.
            `FakeTransport` has its own; a control plane of envtest has none.

    Raises:
        ValueError: The name of a node is malformed, or used twice.
    """

    def __init__(
        self,
        client: Client,
        *,
        timings: Timings | None = None,
        nodes: Iterable[str | SimulatedNode] = _NODES,
        collect_garbage: Iterable[type[Any]] = (),
    ) -> None:
        self._objects = Objects(client)
        self._pods = Pods(self._objects, timings or Timings(), _distinct(nodes))
        self._collected = [*map(identify, collect_garbage)]
        self._wake = asyncio.Event()
        self._is_syncing = False
        self._retries: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Simulator:
        self._task = asyncio.create_task(self.run(), name="simulator")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled() and (failure := self._task.exception()) is not None:
                raise failure

    def is_busy(self, seconds: float) -> bool:
        """Return whether it plays now, or will within some seconds by itself, a repetition after an error apart."""
        if self._is_syncing or self._wake.is_set():
            return True
        return min(self._objects.due, default=math.inf) - clock.monotonic() <= seconds

    async def run(self) -> None:
        """Play until cancelled.

        Raises:
            RuntimeError: An object cannot be played; the message names it.
        """
        try:
            await self._play()
        except ExceptionGroup as group:
            error = _first(group)
            text = f"the simulator has failed: {describe(error)}"
            logger.error(text)  # at once: a test may wait for what it does
            raise RuntimeError(text) from error

    async def _play(self) -> None:
        simulating.set(True)
        kinds = [*KINDS, *(kind for kind in self._collected if kind not in KINDS)]
        async with asyncio.TaskGroup() as group:
            for kind in kinds:
                group.create_task(self._watch(kind), name=f"simulator watch {kind}")
            while True:
                self._wake.clear()
                self._is_syncing = True
                try:
                    await self._sync()
                except APIError:  # looked at again at once
                    self._wake.set()
                finally:
                    self._is_syncing = False
                await asyncio.sleep(_PAUSE_SECONDS)
                due = min((*self._objects.due, *self._retries), default=None)
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if due is None else max(0.0, due - clock.monotonic())):
                        await self._wake.wait()

    async def crash(self, namespace: str, name: str) -> None:
        """Let the containers of a Pod end with an error; they are restarted after a while.

        Args:
            namespace: The Pod's.
            name: The Pod's.

        Raises:
            LookupError: There is no such Pod.
        """
        self._pods.crash(await self._uid(namespace, name))
        self._wake.set()

    async def fail(self, namespace: str, name: str) -> None:
        """Let a Pod of a Job fail.

        Args:
            namespace: The Pod's.
            name: The Pod's.

        Raises:
            LookupError: There is no such Pod.
        """
        self._pods.fail(await self._uid(namespace, name))
        self._wake.set()

    def break_image(self, image: str) -> None:
        """Let an image be one that no node can pull: its new Pods stay pending with ``ImagePullBackOff``.

        Args:
            image: As it is in the containers, for example ``web:2``.
        """
        self._pods.broken_images.add(image)
        self._wake.set()

    def repair_image(self, image: str) -> None:
        """Let an image be pulled again; the Pods that wait for it start.

        Args:
            image: As it is in the containers.
        """
        self._pods.broken_images.discard(image)
        self._wake.set()

    def add_node(self, node: str | SimulatedNode) -> None:
        """Add a node, or change the limits, labels and taints of the one that has its name; its Pods stay.

        Args:
            node: The node, or the name of one without limits.

        Raises:
            ValueError: The name is malformed.
        """
        self._pods.add_node(_node(node))
        self._wake.set()

    def lose_node(self, name: str) -> None:
        """Let a node go: its Pods are not ready, and are deleted after five minutes; others take their place elsewhere.

        Args:
            name: The node's.
        """
        self._pods.lose_node(name)
        self._wake.set()

    def restore_node(self, name: str) -> None:
        """Let a node come back, with the Pods that are still on it.

        Args:
            name: The node's.
        """
        self._pods.restore_node(name)
        self._wake.set()

    async def _uid(self, namespace: str, name: str) -> str:
        for pod in await self._objects.listed(PODS):
            if (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name):
                return str(pod["metadata"]["uid"])
        raise LookupError(f"Pod {ObjectKey(namespace, name)}: there is none")

    async def _watch(self, kind: ResourceIdentity) -> None:
        params = {"watch": "1", "timeoutSeconds": str(_WATCH_SECONDS)}
        while True:
            lines = self._objects.transport.stream(
                collection_path(kind, ""), params=params, idle_timeout=_WATCH_SECONDS + 60.0
            )
            try:
                async for _ in lines:
                    self._wake.set()
            except APIError:
                await asyncio.sleep(1.0)
            finally:
                await lines.aclose()

    async def _sync(self) -> None:
        self._retries.clear()
        found = {kind: [*filter(_is_playable, await self._objects.listed(kind))] for kind in KINDS}
        await self._pods.sync(found[PODS], found[CLAIMS])
        await self._sync_workloads(found)
        if self._collected:
            others = {kind: await self._objects.listed(kind) for kind in self._collected if kind not in found}
            await self._collect({**found, **others})

    async def _sync_workloads(self, found: dict[ResourceIdentity, list[Object]]) -> None:
        for kind, (sync, *parts) in _WORKLOADS.items():
            for owner in found[kind]:
                try:
                    await sync(self._objects, owner, *(found[part] for part in parts))
                except APIError as error:  # of one object, which must not keep the others from going on
                    logger.debug(
                        "Cannot play a workload", extra={"object": owner["metadata"]["name"], "error": str(error)}
                    )
                    self._retries.append(clock.monotonic() + _RETRY_SECONDS)
                except Exception as error:
                    namespace, name = owner["metadata"].get("namespace", ""), owner["metadata"]["name"]
                    raise ValueError(f"{kind.kind} {ObjectKey(namespace, name)} cannot be played") from error

    async def _collect(self, found: dict[ResourceIdentity, list[Object]]) -> None:
        """Delete objects that have owners of these kinds, none of which exists."""
        kinds = {(kind.api_version, kind.kind): kind for kind in found}
        for kind, items in found.items():
            for obj in items:
                references = obj["metadata"].get("ownerReferences") or ()
                owners = [(kinds.get((each["apiVersion"], each["kind"])), each) for each in references]
                namespace = obj["metadata"].get("namespace", "")
                if not owners or is_deleted(obj) or any(owner is None for owner, _ in owners):
                    continue
                if not namespace and any(owner and owner.namespaced for owner, _ in owners):
                    continue  # the owner of a cluster-scoped object cannot be namespaced: it is never looked up
                for owner, each in owners:
                    place = namespace if owner and owner.namespaced else ""
                    if owner and await self._objects.exists(owner, place, each["name"], each["uid"]):
                        break
                else:
                    await self._objects.delete(kind, obj, propagationPolicy="Background")


def _is_playable(obj: Object) -> bool:
    """Return whether an object has what a real API server asks for: one of a test may say nothing but its name."""
    return "spec" in obj or obj["kind"] == REVISIONS.kind


def _first(group: ExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found


def _node(node: str | SimulatedNode) -> SimulatedNode:
    return node if isinstance(node, SimulatedNode) else SimulatedNode(node)


def _distinct(nodes: Iterable[str | SimulatedNode]) -> list[SimulatedNode]:
    if isinstance(nodes, str):
        raise ValueError(f"nodes={nodes!r}: use a list, [{nodes!r}]")
    found = [*map(_node, nodes)]
    names = [node.name for node in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"nodes: there are two of the name {name!r}: use different names")
    return found
