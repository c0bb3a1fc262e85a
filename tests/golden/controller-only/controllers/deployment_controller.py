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

"""The controller of Deployment."""

import logging

from kaiwu_runtime import Manager, NotFoundError, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.api import rbac
from lightkube.resources.apps_v1 import Deployment

logger = logging.getLogger(__name__)


@rbac(groups="apps", resources="deployments", verbs=["get", "list", "watch"])
class DeploymentReconciler(Reconciler):
    """Looks after every Deployment."""

    def setup_with_manager(self, manager: Manager) -> None:
        """Say what wakes the reconciler: a change of a Deployment."""
        controller_managed_by(manager).named("deployment").for_(Deployment).complete(self)

    async def reconcile(self, request: Request) -> Result:
        """Look at one Deployment and do what is missing. It may be called at any time, any number of times."""
        try:
            obj = await self.client.get(Deployment, request.name, namespace=request.namespace)
        except NotFoundError:
            return Result()

        generation = obj.metadata.generation if obj.metadata else None
        logger.info("Seen a Deployment", extra={"generation": generation})
        return Result()
