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

"""KaiwuCluster on a real API server, with the operator running."""

import asyncio
from pathlib import Path

import yaml
from kaiwu_runtime import Client, Manager
from kaiwu_runtime.api import is_condition_true

from api.kaiwu.v1beta1.kaiwucluster_types import KaiwuCluster

SAMPLE = Path(__file__).resolve().parent.parent / "config/samples/kaiwu_v1beta1_kaiwucluster.yaml"


async def test_the_sample_becomes_ready(client: Client, manager: Manager, namespace: str) -> None:
    obj = KaiwuCluster.model_validate(yaml.safe_load(SAMPLE.read_text()))
    obj.metadata.namespace = namespace
    created = await client.create(obj)

    async def ready() -> KaiwuCluster:
        while True:
            found = await client.get(KaiwuCluster, created.key.name, namespace=created.key.namespace)
            if found.status and is_condition_true(found.status.conditions, "Ready"):
                return found
            await asyncio.sleep(0.05)

    found = await asyncio.wait_for(ready(), timeout=30)
    assert found.status is not None
    assert found.status.observed_generation == found.metadata.generation
    await client.delete(KaiwuCluster, created.key.name, namespace=created.key.namespace)
