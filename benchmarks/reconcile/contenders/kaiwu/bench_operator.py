"""The benchmark's operator on kaiwu-runtime, written as a project's own would be, in one file."""

import os
import sys

# Before lightkube and pydantic, as in every project, whose main.py begins with it.
from kaiwu_runtime import Manager, ManagerOptions

# isort: split
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from pydantic import Field

from kaiwu_runtime import (
    NotFoundError,
    Reconciler,
    Request,
    Result,
    controller_managed_by,
    set_controller_reference,
)
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource, set_condition
from kaiwu_runtime.cache import EventType, ObjectEvent
from kaiwu_runtime.controller.predicate import GenerationChanged


class BenchSpec(APIModel):
    """The desired state of a Bench."""

    message: str
    settings: dict[str, str] = Field(default_factory=dict)


class BenchStatus(APIModel):
    """The observed state of a Bench."""

    observed_generation: int | None = None
    conditions: Conditions = Conditions()


@resource(group="bench.inspur.com", version="v1", plural="benches")
class Bench(CustomResource):
    """What every contender reconciles."""

    spec: BenchSpec
    status: BenchStatus | None = None


def is_deletion(event: ObjectEvent) -> bool:
    """Let only the loss of a ConfigMap wake the owner."""
    return event.type is EventType.DELETED


class BenchReconciler(Reconciler):
    """Keeps one ConfigMap per Bench."""

    def setup_with_manager(self, manager: Manager) -> None:
        """Watch Benches and their ConfigMaps."""
        (
            controller_managed_by(manager)
            .named("bench")
            .for_(Bench, GenerationChanged())
            .owns(ConfigMap, is_deletion)
            .with_options(max_concurrent_reconciles=int(os.environ["BENCH_WORKERS"]))
            .complete(self)
        )

    async def reconcile(self, request: Request) -> Result:
        """Apply the ConfigMap, then write the status."""
        try:
            bench = await self.client.get(Bench, request.name, namespace=request.namespace)
        except NotFoundError:
            return Result()

        config_map = ConfigMap(
            metadata=ObjectMeta(name=request.name, namespace=request.namespace),
            data={**bench.spec.settings, "message": bench.spec.message},
        )
        set_controller_reference(bench, config_map)
        await self.client.apply(config_map)

        generation = bench.metadata.generation
        status = bench.status or BenchStatus()
        changed = set_condition(
            status.conditions,
            type="Ready",
            status=True,
            reason="Applied",
            message="the ConfigMap is as the spec asks",
            observed_generation=generation,
        )
        if changed or status.observed_generation != generation:
            status.observed_generation = generation
            bench.status = status
            await self.client.apply_status(bench)
        return Result()


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    options = ManagerOptions.from_args(field_manager="bench", health_probe_bind_address="0")
    manager = Manager(options)
    BenchReconciler(manager.client).setup_with_manager(manager)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
