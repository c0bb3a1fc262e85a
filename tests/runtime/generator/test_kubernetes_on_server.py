# ruff: noqa: E501 - rows of a table read better on one line
"""The schemas of Kubernetes' own types against what a real API server publishes about them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from typing import Any

import lightkube.models
import msgspec
import pytest
from pydantic import create_model

from kaiwu_runtime.api import APIModel, CustomResource, Kube, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._crd import build_crds
from kaiwu_runtime.generator._kubernetes import kube_schema, model_name
from kaiwu_runtime.generator._kubernetes_types import facts_from_openapi, is_default, kubernetes_facts, model_key
from kaiwu_runtime.generator._schema import Schema, plain
from kaiwu_runtime.generator._validation import check_resource

_STABLE = re.compile(r".*_v[0-9]+")
RECURSIVE = {
    "apiextensions_v1.CustomResourceDefinition",
    "apiextensions_v1.CustomResourceDefinitionList",
    "apiextensions_v1.CustomResourceDefinitionSpec",
    "apiextensions_v1.CustomResourceDefinitionVersion",
    "apiextensions_v1.CustomResourceValidation",
    "apiextensions_v1.JSONSchemaProps",
}
UNREADABLE = {
    # lightkube's DeviceAttribute has a field called bool, which hides the type of that name.
    "resource_v1.Device",
    "resource_v1.DeviceAttribute",
    "resource_v1.ResourceSlice",
    "resource_v1.ResourceSliceList",
    "resource_v1.ResourceSliceSpec",
}
MODELS = sorted(
    {
        model_name(model): model
        for module in pkgutil.iter_modules(lightkube.models.__path__)
        if _STABLE.fullmatch(module.name)
        for model in vars(importlib.import_module(f"lightkube.models.{module.name}")).values()
        if isinstance(model, type) and issubclass(model, msgspec.Struct) and model is not msgspec.Struct
        if model.__module__.startswith("lightkube.models.") and _STABLE.fullmatch(model.__module__.rpartition(".")[2])
    }.items()
)
COMMON = [
    "core_v1.Affinity", "core_v1.Container", "core_v1.EnvVar", "core_v1.LocalObjectReference", "core_v1.PersistentVolumeClaimSpec",
    "core_v1.PodSpec", "core_v1.PodTemplateSpec", "core_v1.Probe", "core_v1.ResourceRequirements", "core_v1.SecretKeySelector",
    "core_v1.SecurityContext", "core_v1.PodSecurityContext", "core_v1.ServiceSpec", "core_v1.Toleration", "core_v1.TopologySpreadConstraint",
    "core_v1.Volume", "core_v1.VolumeMount", "core_v1.ObjectReference", "meta_v1.LabelSelector", "meta_v1.Condition", "meta_v1.ObjectMeta",
    "apps_v1.DeploymentSpec", "apps_v1.StatefulSetSpec", "batch_v1.JobTemplateSpec", "networking_v1.IngressSpec", "networking_v1.NetworkPolicySpec",
    "policy_v1.PodDisruptionBudgetSpec", "rbac_v1.PolicyRule", "autoscaling_v2.HorizontalPodAutoscalerSpec", "storage_v1.StorageClass",
]  # fmt: skip


@pytest.fixture(scope="module")
def documents(server: Any) -> list[dict[str, Any]]:
    code, index = server.send("GET", "/openapi/v3")
    assert code == 200
    stable = [
        entry["serverRelativeURL"]
        for path, entry in index["paths"].items()
        if re.fullmatch(r"api/v1|apis/[a-z.0-9]+/v[0-9]+", path)
        and "internal" not in path
        and "example.com" not in path
    ]
    return [server.send("GET", url)[1] for url in stable]


@pytest.fixture(scope="module")
def published(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: schema for document in documents for name, schema in document["components"]["schemas"].items()}


@pytest.mark.envtest
def test_the_facts_are_those_of_the_api_server(documents: list[dict[str, Any]]) -> None:
    # The storage migration and DRA groups are served on request only; their facts come from the same documents.
    served = facts_from_openapi(documents)
    for key, facts in served.items():
        assert kubernetes_facts().get(key) == facts, key
    optional = {key for key in kubernetes_facts() if key not in served}
    assert {key.partition(".")[0] for key in optional} <= {
        "storagemigration_v1",
        "resource_v1",
        "scheduling_v1",
    }


@pytest.mark.envtest
def test_every_model_has_the_schema_the_api_server_publishes(published: dict[str, Any]) -> None:
    different = {}
    compared = 0
    by_key = {model_key(name): schema for name, schema in published.items() if model_key(name)}
    for key, model in MODELS:
        if key in RECURSIVE | UNREADABLE or key not in by_key or key == "meta_v1.Condition":
            continue
        ours = normalised(plain(kube_schema(model, "Test.field")))
        theirs = expected(by_key[key], published, key)
        compared += 1
        if ours != theirs:
            different[key] = list(differences(ours, theirs))
    assert different == {}
    assert compared > 500


def differences(ours: Any, theirs: Any, path: str = "") -> Any:
    """Yield the places where two schemas differ, for a message one can read."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    else:
        yield f"{path}: {ours} instead of {theirs}"


def normalised(schema: Any) -> Any:
    """Return one of our schemas without what a published one never says."""
    if isinstance(schema, list):
        return [normalised(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"quantity": True} if "pattern" in schema else {"int-or-string": True}
    return {key: normalised(value) for key, value in schema.items()}


def expected(schema: dict[str, Any], published: dict[str, Any], key: str) -> Any:
    """Return a published schema with its references filled in, in the words of a structural schema."""
    reference = next((part["$ref"] for part in schema.get("allOf", ()) if "$ref" in part), schema.get("$ref"))
    if reference:
        return referenced(schema, reference.rpartition("/")[2], published)
    result: dict[str, Any] = {}
    for word, value in schema.items():
        if word == "properties":
            kept = {"annotations", "finalizers", "generateName", "labels", "name", "namespace"}
            names = [name for name in value if key != "meta_v1.ObjectMeta" or name in kept]
            result[word] = {name: field(value[name], published, key, name) for name in names}
        elif word in {"items", "additionalProperties"}:
            result[word] = field(value, published, key, "")
        elif word == "required":
            result[word] = sorted(value)
        elif word in {"type", "format", "x-kubernetes-list-map-keys"} or (
            word in {"x-kubernetes-list-type", "x-kubernetes-map-type"} and (word, value) not in IMPLIED
        ):
            result[word] = value
    return result


IMPLIED = {("x-kubernetes-list-type", "atomic"), ("x-kubernetes-map-type", "granular")}


def field(schema: dict[str, Any], published: dict[str, Any], model: str, name: str) -> Any:
    result = expected(schema, published, "")
    default = schema.get("default")
    if is_default(model, name, default):
        result["default"] = default
    item = result.get("items", {})
    for key in result.get("x-kubernetes-list-map-keys", ()):
        if key not in item.get("required", ()) and "default" not in item["properties"][key]:
            # Allowed in a built-in type, refused in a CRD.
            del result["x-kubernetes-list-map-keys"], result["x-kubernetes-list-type"]
            break
    return result


def referenced(schema: dict[str, Any], name: str, published: dict[str, Any]) -> Any:
    if name.endswith(".Quantity"):
        return {"quantity": True}
    if name.endswith(".IntOrString"):
        return {"int-or-string": True}
    if name.endswith((".RawExtension", ".FieldsV1", ".Patch")):
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    if name.endswith(".JSON"):
        return {"x-kubernetes-preserve-unknown-fields": True}
    if name.endswith("meta.v1.Condition"):
        return normalised(plain(kube_schema(importlib.import_module("lightkube.models.meta_v1").Condition, "x")))
    result = expected(published[name], published, model_key(name) or "scalar")
    if result == {"type": "object"}:
        # lightkube spells a type without fields as a mapping of anything.
        result["x-kubernetes-preserve-unknown-fields"] = True
    for word in ("x-kubernetes-map-type", "x-kubernetes-list-type"):
        if word in schema and (word, schema[word]) not in IMPLIED:
            result[word] = schema[word]
    return result


@pytest.mark.parametrize(
    ("model", "path", "default"),
    [
        ("batch_v1.JobSpec", "podFailurePolicy.rules.onPodConditions.status", None),
        ("apps_v1.StatefulSetSpec", "serviceName", None),
        ("apps_v1.StatefulSetSpec", "ordinals.start", None),
        ("rbac_v1.RoleBinding", "roleRef.apiGroup", None),
        ("core_v1.PodSpec", "imagePullSecrets.name", ""),
        ("core_v1.Container", "env.valueFrom.secretKeyRef.name", ""),
        ("core_v1.Container", "ports.protocol", "TCP"),
        ("core_v1.Probe", "grpc.service", ""),
        ("core_v1.ReplicationControllerSpec", "replicas", 1),
    ],
)
def test_a_zero_value_of_go_is_no_default(model: str, path: str, default: object) -> None:
    schema = kube_schema(dict(MODELS)[model], "Test.field")
    for name in path.split("."):
        schema = (schema.items_schema or schema).properties[name]
    assert schema.get("default") == default


@pytest.mark.parametrize("key", sorted(RECURSIVE))
def test_recursive_models_are_refused(key: str) -> None:
    with pytest.raises(DefinitionError, match=r"Test.field: JSONSchemaProps contains itself") as caught:
        kube_schema(dict(MODELS)[key], "Test.field")
    assert "PreserveUnknownFields()" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "model"),
    [(k, m) for k, m in MODELS if k not in RECURSIVE | UNREADABLE],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_every_other_model_passes_the_checks(key: str, model: type[Any]) -> None:
    inner = kube_schema(model, "Test.field")
    check_resource(Schema({"type": "object", "properties": {"spec": inner}}), status=True)


@pytest.mark.envtest
@pytest.mark.parametrize("key", COMMON)
def test_common_models_are_installed(key: str, server: Any) -> None:
    spec = create_model("Spec", __base__=APIModel, value=(Kube[dict(MODELS)[key]], ...))  # type: ignore[misc]
    kind = resource(group="kube.example.com", version="v1")(
        create_model("Thing", __base__=CustomResource, spec=(spec, ...))
    )
    [crd] = build_crds([kind])
    assert len(json.dumps(crd.manifest)) < 900_000
    server.acceptance(crd.manifest)


@pytest.mark.parametrize("key", sorted(UNREADABLE))
def test_a_type_lightkube_hides_is_refused(key: str) -> None:
    with pytest.raises(DefinitionError, match="lightkube does not declare the type of this field"):
        kube_schema(dict(MODELS)[key], "Test.field")


def test_a_kind_may_be_embedded() -> None:
    """lightkube's resources are subclasses of its models and have the same schema."""
    from lightkube.models import core_v1
    from lightkube.resources.core_v1 import ConfigMap

    assert kube_schema(ConfigMap, "x") == kube_schema(core_v1.ConfigMap, "x")


def test_embedding_leaves_the_cached_schema_alone() -> None:
    from lightkube.models.core_v1 import Toleration

    first = kube_schema(Toleration, "x")
    first["properties"]["key"]["default"] = "changed"
    assert "default" not in kube_schema(Toleration, "x")["properties"]["key"]
