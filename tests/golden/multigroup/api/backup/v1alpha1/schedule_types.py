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

"""Schedule, as backup.inspur.com/v1alpha1 has it. Run `make generate manifests` after a change."""

from typing import Annotated

from kaiwu_runtime.api import APIModel, Conditions, CustomResource, PrinterColumn, resource
from pydantic import Field


class ScheduleSpec(APIModel):
    """The desired state of a Schedule."""

    foo: Annotated[str | None, Field(max_length=63)] = None
    """An example field; replace it with your own. The text below a field is its description in the CRD."""


class ScheduleStatus(APIModel):
    """The observed state of a Schedule."""

    observed_generation: int | None = None
    """The metadata.generation that the conditions were computed for."""

    conditions: Conditions = Conditions()
    """What is known about the Schedule; Ready sums it up."""


@resource(
    group="backup.inspur.com",
    version="v1alpha1",
    plural="schedules",
    columns=[
        PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ],
)
class Schedule(CustomResource):
    """Schedule is a resource of kaiwu-operator."""

    spec: ScheduleSpec = ScheduleSpec()
    status: ScheduleStatus = ScheduleStatus()
