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

    conditions: Conditions = []
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
    status: KaiwuClusterStatus | None = None
