"""The controller of KaiwuCluster."""

from kaiwu_runtime import Manager, NotFoundError, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.api import rbac, set_condition

from api.v1.kaiwucluster_types import KaiwuCluster, KaiwuClusterStatus


@rbac(groups="kaiwu.inspur.com", resources="kaiwuclusters", verbs=["get", "list", "watch"])
@rbac(groups="kaiwu.inspur.com", resources="kaiwuclusters/status", verbs=["patch"])
@rbac(groups="events.k8s.io", resources="events", verbs=["create", "patch"])
class KaiwuClusterReconciler(Reconciler):
    """Moves every KaiwuCluster from its present state to the desired one."""

    def setup_with_manager(self, manager: Manager) -> None:
        """Say what wakes the reconciler: a change of a KaiwuCluster. Add `.owns(Kind)` for what it creates."""
        controller_managed_by(manager).named("kaiwucluster").for_(KaiwuCluster).complete(self)

    async def reconcile(self, request: Request) -> Result:
        """Look at one KaiwuCluster and do what is missing. It may be called at any time, any number of times."""
        try:
            obj = await self.client.get(KaiwuCluster, request.name, namespace=request.namespace)
        except NotFoundError:
            return Result()  # it is gone, and what it owned goes with it

        # Here goes what a KaiwuCluster is for: build the objects it needs, name it as their controller with
        # set_controller_reference(obj, child), and write them with self.client.apply(child). Each kind needs an @rbac
        # above; OpenShift wants one for kaiwuclusters/finalizers, verbs=["update"], before anything may be owned.

        generation = obj.metadata.generation
        status = obj.status or KaiwuClusterStatus()
        changed = set_condition(
            status.conditions,
            type="Ready",
            status=True,
            reason="Reconciled",
            message="everything is as the spec asks",
            observed_generation=generation,
        )
        if changed or status.observed_generation != generation:
            status.observed_generation = generation
            obj.status = status
            await self.client.apply_status(obj)
        return Result()
