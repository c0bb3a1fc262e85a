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

"""KaiwuCluster, as kaiwu.inspur.com/v1 has it. Run `make generate manifests` after a change."""

from typing import Annotated

from kaiwu_runtime.api import APIModel, Conditions, CustomResource, PrinterColumn, resource
from pydantic import Field


class KaiwuClusterSpec(APIModel):
    """The desired state of a KaiwuCluster."""

    foo: Annotated[str | None, Field(max_length=63)] = None
    """An example field; replace it with your own. The text below a field is its description in the CRD."""


class KaiwuClusterStatus(APIModel):
    """The observed state of a KaiwuCluster."""

    observed_generation: int | None = None
    """The metadata.generation that the conditions were computed for."""

    conditions: Conditions = Conditions()
    """What is known about the KaiwuCluster; Ready sums it up."""


@resource(
    group="kaiwu.inspur.com",
    version="v1",
    plural="kaiwuclusters",
    columns=[
        PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ],
)
class KaiwuCluster(CustomResource):
    """KaiwuCluster is a resource of kaiwu-operator."""

    spec: KaiwuClusterSpec = KaiwuClusterSpec()
    status: KaiwuClusterStatus = KaiwuClusterStatus()
