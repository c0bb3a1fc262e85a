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

"""What happens to the operator in `make test-faults`, with one fault after another.

The operator is killed after each write and each call to the outside, started on a cache that is behind, not told of an
event, refused a write, and stopped during each step, and its calls to the outside fail; each time it must come to the
same end.
"""

from pathlib import Path

from kaiwu_runtime import Manager
from kaiwu_runtime.testing.faults import Cluster, Scenario, kinds_of, step

import api
import controllers

SAMPLES = Path(__file__).resolve().parent.parent.parent / "config/samples"


class SampleScenario(Scenario):
    """The samples are created, changed and deleted."""

    # TODO(user): override `outside` with a stand-in of each system beside Kubernetes that the operator uses, `failure`
    # with the error of its client, `settled` with what has to be true after each step, and add methods with @invariant
    # for what has to be true always.

    kinds = kinds_of(api)

    def operator(self, manager: Manager) -> None:
        """Set up the operator as main.py does."""
        manager.discover(controllers)

    @step
    async def create(self, cluster: Cluster) -> None:
        """Create the samples."""
        for sample in cluster.load(SAMPLES):
            await cluster.client.create(sample)

    @step
    async def change(self, cluster: Cluster) -> None:
        """Change the samples."""
        # TODO(user): change what users change: fields of the spec.
        for sample in cluster.load(SAMPLES):
            await cluster.change(sample, {"metadata": {"annotations": {"changed": "true"}}})

    @step
    async def delete(self, cluster: Cluster) -> None:
        """Delete the samples."""
        for sample in cluster.load(SAMPLES):
            await cluster.delete(sample)
