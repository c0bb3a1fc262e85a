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

"""The controller of KaiwuCluster."""

from kaiwu_runtime import ControllerBuilder, ObjectReconciler, Result

from api.v1.kaiwucluster_types import KaiwuCluster


class KaiwuClusterReconciler(ObjectReconciler[KaiwuCluster]):
    """Move each KaiwuCluster from its present state to the desired one."""

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        """Name what the controller watches beside its kind."""
        # TODO(user): add .owns(Kind) for each kind that reconcile creates, and @rbac(Kind, verbs=WRITE) to the class.
        return controller

    async def reconcile(self, obj: KaiwuCluster) -> Result | None:
        """Look at one object and do what is missing. It may be called at any time, any number of times."""
        # TODO(user): apply what is missing: await self.client.apply(child_of(obj, ConfigMap, data={...}))
        obj.status.conditions.set("Ready", True, reason="Reconciled", message="everything is as the spec asks")
        return None
