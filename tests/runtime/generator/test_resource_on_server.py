"""What @resource says, on a real API server: names, versions, subresources, columns, selectable fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Field

from kaiwu_runtime.api import (
    CEL,
    APIModel,
    Conditions,
    CustomResource,
    PrinterColumn,
    Scale,
    resource,
    schema,
    set_condition,
)

if TYPE_CHECKING:
    from kaiwu_runtime.envtest import ControlPlane

pytestmark = pytest.mark.envtest

GROUP = "whole.example.com"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class ShipSpec(APIModel):
    """What the ship should be."""

    replicas: int = Field(default=1, ge=0)
    """Number of crews."""
    engine: str = "steam"


class ShipStatus(APIModel):
    replicas: int = 0
    selector: str = ""
    phase: str = "Docked"
    conditions: Conditions = Conditions()


@resource(
    group=GROUP,
    version="v1beta1",
    short_names=["sh", "shp"],
    categories=["fleet"],
    singular="vessel",
    deprecated="whole.example.com/v1beta1 Ship is deprecated; use v1",
    kind="Ship",
)
class ShipV1Beta1(CustomResource):
    spec: ShipSpec = Field(default_factory=ShipSpec)
    status: ShipStatus = Field(default_factory=ShipStatus)


@resource(
    group=GROUP,
    version="v1alpha1",
    short_names=["sh", "shp"],
    categories=["fleet"],
    singular="vessel",
    served=False,
    kind="Ship",
)
class ShipV1Alpha1(CustomResource):
    spec: ShipSpec = Field(default_factory=ShipSpec)
    status: ShipStatus = Field(default_factory=ShipStatus)


@resource(
    group=GROUP,
    version="v1",
    short_names=["sh", "shp"],
    categories=["fleet"],
    singular="vessel",
    scale=Scale(label_selector_path=".status.selector"),
    columns=[
        PrinterColumn("Engine", ".spec.engine", description="What drives it"),
        PrinterColumn("Crews", ".spec.replicas", type="integer", format="int32", priority=1),
        PrinterColumn("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        PrinterColumn("Age", ".metadata.creationTimestamp", type="date"),
    ],
    selectable_fields=[".spec.engine"],
    labels={"app.kubernetes.io/part-of": "fleet"},
    annotations={"example.com/owner": "harbour"},
)
class Ship(CustomResource):
    """A ship of the fleet."""

    spec: ShipSpec = Field(default_factory=ShipSpec)
    status: ShipStatus = Field(default_factory=ShipStatus)


@schema(CEL("self.metadata.name.size() <= 5", message="a short name, please"))
@resource(group=GROUP, version="v1", scope="Cluster", plural="sheep", status=False)
class Sheep(CustomResource):
    spec: ShipSpec


CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ships.whole.example.com"


@pytest.fixture(scope="module")
def fleet(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    server.install([Ship, ShipV1Alpha1, ShipV1Beta1, Sheep], tmp_path_factory.mktemp("crds"))
    return server


@pytest.fixture
def ship(fleet: Any) -> Any:
    code, created = fleet.create(Ship, "bounty", spec={"replicas": 2})
    assert code == 201, created
    yield created
    fleet.delete(Ship, "bounty")


def test_names_and_versions(fleet: Any) -> None:
    crd = fleet.wait(CRD, lambda crd: crd.get("status", {}).get("acceptedNames", {}).get("kind"))
    assert crd["status"]["acceptedNames"] == {
        "kind": "Ship",
        "listKind": "ShipList",
        "plural": "ships",
        "singular": "vessel",
        "shortNames": ["sh", "shp"],
        "categories": ["fleet"],
    }
    assert [(v["name"], v["served"], v["storage"]) for v in crd["spec"]["versions"]] == [
        ("v1", True, True),
        ("v1beta1", True, False),
        ("v1alpha1", False, False),
    ]
    assert crd["status"]["storedVersions"] == ["v1"]
    assert crd["metadata"]["labels"] == {"app.kubernetes.io/part-of": "fleet"}
    assert crd["metadata"]["annotations"]["example.com/owner"] == "harbour"


def test_unserved_version_is_not_there(fleet: Any) -> None:
    assert fleet.send("GET", fleet.path(ShipV1Alpha1))[0] == 404
    assert fleet.send("GET", fleet.path(ShipV1Beta1))[0] == 200


def test_deprecated_version_warns(fleet: Any, control_plane: ControlPlane) -> None:
    import http.client
    import ssl

    rest = control_plane.rest
    connection = http.client.HTTPSConnection("127.0.0.1", rest._port, context=rest._context)
    assert isinstance(rest._context, ssl.SSLContext)
    connection.request("GET", fleet.path(ShipV1Beta1))
    response = connection.getresponse()
    assert response.getheader("Warning") == '299 - "whole.example.com/v1beta1 Ship is deprecated; use v1"'
    connection.close()


def test_defaults_and_the_empty_status(ship: Any) -> None:
    assert ship["spec"] == {"replicas": 2, "engine": "steam"}
    assert "status" not in ship, "a new object must not claim an observed status"


def test_a_version_reads_what_another_wrote(fleet: Any, ship: Any) -> None:
    code, seen = fleet.send("GET", fleet.path(ShipV1Beta1, "bounty"))
    assert code == 200
    older = ShipV1Beta1.model_validate(seen)
    assert older.api_version == f"{GROUP}/v1beta1"
    assert older.spec.replicas == 2


def test_status_subresource(fleet: Any, ship: Any) -> None:
    typed = Ship.model_validate(ship)
    assert set_condition(typed.status.conditions, type="Ready", status=True, reason="Afloat", observed_generation=1)
    body = json.loads(typed.model_dump_json(by_alias=True, exclude_none=True))
    code, ignored = fleet.send("PUT", fleet.path(Ship, "bounty"), body)
    assert code == 200
    assert "status" not in ignored, "the status is written through its own subresource only"
    code, written = fleet.send("PUT", fleet.path(Ship, "bounty", "status"), body)
    assert code == 200, written
    assert written["status"]["conditions"][0]["reason"] == "Afloat"
    assert written["status"]["phase"] == "Docked"


def test_scale_subresource(fleet: Any, ship: Any) -> None:
    path = fleet.path(Ship, "bounty", "scale")
    code, scale = fleet.send("GET", path)
    assert (code, scale["spec"]["replicas"]) == (200, 2)
    code, scale = fleet.send("PUT", path, scale | {"spec": {"replicas": 5}})
    assert (code, scale["spec"]["replicas"]) == (200, 5)
    assert fleet.send("GET", fleet.path(Ship, "bounty"))[1]["spec"]["replicas"] == 5


def test_printer_columns(fleet: Any, ship: Any, control_plane: ControlPlane) -> None:
    import http.client

    rest = control_plane.rest
    connection = http.client.HTTPSConnection("127.0.0.1", rest._port, context=rest._context)
    connection.request("GET", fleet.path(Ship), headers={"Accept": TABLE})
    table = json.loads(connection.getresponse().read())
    connection.close()
    columns = {c["name"]: (c["type"], c["format"], c["priority"]) for c in table["columnDefinitions"]}
    assert columns == {
        "Name": ("string", "name", 0),
        "Engine": ("string", "", 0),
        "Crews": ("integer", "int32", 1),
        "Ready": ("string", "", 0),
        "Age": ("date", "", 0),
    }
    assert table["rows"][0]["cells"][:3] == ["bounty", "steam", 2]


def test_selectable_fields(fleet: Any, ship: Any) -> None:
    def names(selector: str) -> list[str]:
        _, found = fleet.send("GET", f"{fleet.path(Ship)}?fieldSelector={selector}")
        return [item["metadata"]["name"] for item in found["items"]]

    assert names("spec.engine=steam") == ["bounty"]
    assert names("spec.engine=sail") == []


def test_cluster_scope_and_plural(fleet: Any) -> None:
    assert Sheep.identity().path() == "/apis/whole.example.com/v1/sheep"
    code, created = fleet.create(Sheep, "dolly", spec={})
    assert code == 201, created
    assert "namespace" not in created["metadata"]
    assert fleet.send("GET", "/apis/whole.example.com/v1/sheep/dolly/status")[0] == 404
    fleet.delete(Sheep, "dolly")


def test_a_rule_on_the_name(fleet: Any) -> None:
    code, answer = fleet.create(Sheep, "shaunie", spec={})
    assert code == 422
    assert "a short name, please" in answer["message"]


def test_a_role_is_accepted(server: Any) -> None:
    from kaiwu_runtime.api import RBACRule
    from kaiwu_runtime.generator import build_roles

    rules = [
        RBACRule(groups=("",), resources=("pods",), verbs=("get",)),
        RBACRule(urls=("/metrics",), verbs=("get",)),
        RBACRule(groups=("apps",), resources=("deployments",), verbs=("*",), namespace="default"),
    ]
    base = "/apis/rbac.authorization.k8s.io/v1"
    for role in build_roles(rules, role_name="whole"):
        folder = f"/namespaces/{role['metadata']['namespace']}/roles" if role["kind"] == "Role" else "/clusterroles"
        code, answer = server.send("POST", f"{base}{folder}?dryRun=All", role)
        assert code == 201, answer
        assert answer["rules"] == role["rules"]
