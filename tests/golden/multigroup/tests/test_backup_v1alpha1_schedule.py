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

"""Schedule on a real API server, with the operator running.

No node runs Pods here: for a reconciler that waits for them, see `kaiwu_runtime.testing.Simulator`.
"""

from pathlib import Path

import yaml
from kaiwu_runtime import Client, Manager
from kaiwu_runtime.testing import wait_for

from api.backup.v1alpha1.schedule_types import Schedule

SAMPLE = Path(__file__).resolve().parent.parent / "config/samples/backup_v1alpha1_schedule.yaml"


async def test_the_sample_becomes_ready(client: Client, manager: Manager, namespace: str) -> None:
    obj = Schedule.model_validate(yaml.safe_load(SAMPLE.read_text()))
    obj.metadata.namespace = namespace
    created = await client.create(obj)
    found = await wait_for(client, Schedule, created.key, "Ready")
    assert found.status.observed_generation == found.metadata.generation
    await client.delete(Schedule, created.key.name, namespace=created.key.namespace)
