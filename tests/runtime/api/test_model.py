"""APIModel and CustomResource: names, unknown fields, mistakes named at once."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from lightkube.models.core_v1 import Affinity, EmptyDirVolumeSource, ResourceRequirements, Toleration
from lightkube.models.meta_v1 import ObjectMeta
from pydantic import BaseModel, Field, ValidationError, create_model

from kaiwu_runtime.api import APIModel, CustomResource, Kube, Nullable, ObjectKey, identify, resource
from kaiwu_runtime.errors import DefinitionError


class Spec(APIModel):
    """What is wanted."""

    node_count: int = 1
    """How many nodes."""
    class_: str = "a"
    pod_ip: str | None = Field(default=None, alias="podIP")
    resources: Kube[ResourceRequirements] | None = None
    tolerations: list[Kube[Toleration]] = Field(default_factory=list)
    model_name: str = ""


@resource(group="kaiwu.inspur.com", version="v1")
class Cluster(CustomResource):
    spec: Spec = Field(default_factory=Spec)


def test_names_are_camel_case_in_the_object_and_snake_case_in_python() -> None:
    spec = Spec(node_count=2, class_="b", pod_ip="10.0.0.1")
    assert spec.model_dump(by_alias=True, exclude_unset=True) == {
        "nodeCount": 2,
        "class": "b",
        "podIP": "10.0.0.1",
    }
    assert Spec.model_validate({"nodeCount": 2, "class": "b", "podIP": "10.0.0.1"}) == spec


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert Spec.model_validate({"nodeCount": 3, "unheardOf": {"x": 1}}).node_count == 3


def test_type_fields_are_filled_in() -> None:
    cluster = Cluster(metadata=ObjectMeta(name="a", namespace="b"))
    assert (cluster.api_version, cluster.kind) == ("kaiwu.inspur.com/v1", "Cluster")
    assert cluster.key == ObjectKey("b", "a")
    assert Cluster(metadata=ObjectMeta(name="a")).key == ObjectKey("", "a")
    assert Cluster.identity() is identify(Cluster)


def test_metadata_is_a_lightkube_model() -> None:
    cluster = Cluster.model_validate({"metadata": {"name": "a", "creationTimestamp": "2026-11-24T12:00:00Z", "new": 1}})
    assert isinstance(cluster.metadata, ObjectMeta)
    assert cluster.metadata.creationTimestamp is not None
    assert cluster.model_dump(by_alias=True)["metadata"] == {
        "name": "a",
        "creationTimestamp": "2026-11-24T12:00:00Z",
    }


def test_each_object_has_its_own_metadata() -> None:
    first, second = Cluster(), Cluster()
    first.metadata.name = "first"
    assert second.metadata.name is None


def test_a_subclass_is_no_kind_until_it_is_decorated() -> None:
    class Other(Cluster):
        pass

    with pytest.raises(DefinitionError, match=r"Other is not decorated with @resource"):
        Other.identity()
    decorated = resource(group="kaiwu.inspur.com", version="v2", kind="Cluster")(Other)
    assert decorated().api_version == "kaiwu.inspur.com/v2"
    assert Cluster().api_version == "kaiwu.inspur.com/v1"


def test_null_is_written_where_it_is_a_value() -> None:
    class Inner(APIModel):
        zone_name: Annotated[str | None, Nullable()] = "a"
        other: str | None = None

    class Outer(APIModel):
        inner: Inner
        items: list[Inner] = Field(default_factory=list)

    outer = Outer(inner=Inner(zone_name=None, other=None), items=[Inner()])
    dumped = outer.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True)
    assert dumped == '{"inner":{"zoneName":null},"items":[{}]}'
    assert Outer.model_validate_json(dumped).inner.zone_name is None
    assert outer.model_dump(exclude_none=True) == {"inner": {"zone_name": None}, "items": [{"zone_name": "a"}]}


class TestKube:
    def test_dictionaries_and_instances_are_taken(self) -> None:
        want = ResourceRequirements(limits={"cpu": "1"})
        assert Spec(resources=want).resources is want
        assert Spec.model_validate({"resources": {"limits": {"cpu": "1"}, "new": 1}}).resources == want

    def test_lists(self) -> None:
        spec = Spec.model_validate({"tolerations": [{"key": "a", "tolerationSeconds": 3}]})
        assert spec.tolerations == [Toleration(key="a", tolerationSeconds=3)]
        assert (
            spec.model_dump_json(by_alias=True, exclude_unset=True)
            == '{"tolerations":[{"key":"a","tolerationSeconds":3}]}'
        )

    def test_a_mistake_names_the_field(self) -> None:
        with pytest.raises(
            ValidationError, match=r"Expected `int \| null`, got `str` - at `\$\.tolerationSeconds`"
        ) as caught:
            Spec.model_validate({"tolerations": [{"tolerationSeconds": "x"}]})
        assert caught.value.errors()[0]["loc"] == ("tolerations", 0)

    @pytest.mark.parametrize("value", ["x", 1, [1]])
    def test_other_types_are_refused(self, value: object) -> None:
        with pytest.raises(ValidationError):
            Spec.model_validate({"resources": value})

    def test_an_integer_is_a_quantity(self) -> None:
        model = create_model("Model", __base__=APIModel, volume=(Kube[EmptyDirVolumeSource], ...))
        found: Any = model.model_validate({"volume": {"sizeLimit": 1024}})
        assert found.volume.sizeLimit == "1024"

    def test_an_integer_deep_inside_is_a_quantity(self) -> None:
        from lightkube.models.core_v1 import PodSpec

        model = create_model("Model", __base__=APIModel, pod=(Kube[PodSpec], ...))
        pod = {"containers": [{"name": "a"}], "volumes": [{"name": "v", "emptyDir": {"sizeLimit": 5}}]}
        found: Any = model.model_validate({"pod": pod})
        assert found.pod.volumes[0].emptyDir.sizeLimit == "5"

    def test_what_is_no_kube_model_is_refused(self) -> None:
        with pytest.raises(DefinitionError, match=r"Kube\[int\]: int is not a model from lightkube.models"):
            create_model("Model", __base__=APIModel, value=(Kube[int], ...))

    def test_json_schema_of_pydantic_still_works(self) -> None:
        assert Cluster.model_json_schema()["properties"]["metadata"]["type"] == "object"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Affinity, "Model.value: Affinity is a lightkube model: write Kube[Affinity] instead of Affinity"),
        (
            Affinity | None,
            "Model.value: Affinity is a lightkube model: write Kube[Affinity] instead of Affinity",
        ),
        (
            list[Affinity],
            "Model.value: Affinity is a lightkube model: write Kube[Affinity] instead of Affinity",
        ),
        (dict[str, list[Affinity]], "Model.value: Affinity is a lightkube model"),
        (Annotated[Affinity, Field(title="x")], "Model.value: Affinity is a lightkube model"),
        (range, "Model.value: range is not a type of JSON: derive it from APIModel, or use another type"),
        (Annotated[str, Field(pattern="(?=x)")], "Model.value: pattern '(?=x)': look-around"),
        (list[Annotated[str, Field(pattern="[")]], "Model.value: pattern '[': the class '[' has no closing ']'"),
    ],
    ids=str,
)
def test_a_mistake_names_model_and_field(annotation: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        create_model("Model", __base__=APIModel, fine=(Kube[Affinity] | None, None), value=(annotation, ...))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_models_are_pydantic_models() -> None:
    assert issubclass(APIModel, BaseModel)
    assert Cluster.model_validate_json(Cluster().model_dump_json(by_alias=True, exclude_none=True)) == Cluster()
