# Copyright 2026.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The controller of Schedule."""

from kaiwu_runtime import Manager, NotFoundError, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.api import rbac, set_condition

from api.backup.v1alpha1.schedule_types import Schedule, ScheduleStatus


@rbac(groups="backup.inspur.com", resources="schedules", verbs=["get", "list", "watch"])
@rbac(groups="backup.inspur.com", resources="schedules/status", verbs=["patch"])
@rbac(groups="events.k8s.io", resources="events", verbs=["create", "patch"])
class RetentionReconciler(Reconciler):
    """Moves every Schedule from its present state to the desired one."""

    def setup_with_manager(self, manager: Manager) -> None:
        """Say what wakes the reconciler: a change of a Schedule. Add `.owns(Kind)` for what it creates."""
        controller_managed_by(manager).named("retention").for_(Schedule).complete(self)

    async def reconcile(self, request: Request) -> Result:
        """Look at one Schedule and do what is missing. It may be called at any time, any number of times."""
        try:
            obj = await self.client.get(Schedule, request.name, namespace=request.namespace)
        except NotFoundError:
            return Result()  # it is gone, and what it owned goes with it

        # Here goes what a Schedule is for: build the objects it needs, name it as their controller with
        # set_controller_reference(obj, child), and write them with self.client.apply(child). Each kind needs an @rbac
        # above; OpenShift wants one for schedules/finalizers, verbs=["update"], before anything may be owned.

        generation = obj.metadata.generation
        status = obj.status or ScheduleStatus()
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
