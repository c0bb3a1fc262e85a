"""The benchmark's operator on kaiwu-runtime, written as a project's own would be, in one file."""

import os
import sys

# Before lightkube and pydantic, as in every project, whose main.py begins with it.
from kaiwu_runtime import Manager, ManagerOptions

# isort: split
from lightkube.resources.core_v1 import ConfigMap
from pydantic import Field

from kaiwu_runtime import ControllerBuilder, ObjectReconciler, child_of
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource
from kaiwu_runtime.cache import EventType, ObjectEvent
from kaiwu_runtime.controller import GenerationChanged


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
    status: BenchStatus = BenchStatus()


def is_deletion(event: ObjectEvent) -> bool:
    """Let only the loss of a ConfigMap wake the owner."""
    return event.type is EventType.DELETED


class BenchReconciler(ObjectReconciler[Bench]):
    """Keeps one ConfigMap per Bench."""

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        """Watch the specs of Benches and the loss of their ConfigMaps."""
        workers = int(os.environ["BENCH_WORKERS"])
        return (
            controller.for_(Bench, GenerationChanged())
            .owns(ConfigMap, is_deletion)
            .with_options(max_concurrent_reconciles=workers)
        )

    async def reconcile(self, bench: Bench) -> None:
        """Apply the ConfigMap, then set the condition."""
        data = {**bench.spec.settings, "message": bench.spec.message}
        await self.client.apply(child_of(bench, ConfigMap, data=data))
        bench.status.conditions.set("Ready", True, reason="Applied", message="the ConfigMap is as the spec asks")


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    options = ManagerOptions.from_args(
        field_manager="bench",
        leader_election_id="bench.inspur.com",
        # In a pod this is the pod's. Each run has its own: no run waits for the Lease of the run before.
        leader_election_namespace=os.environ["BENCH_NAMESPACE"],
    )
    manager = Manager(options)
    manager.setup(BenchReconciler)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
