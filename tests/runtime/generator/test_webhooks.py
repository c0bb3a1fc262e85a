"""Webhook configurations and spec.conversion: controller-gen's form, from the decorators of a project."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._cli import main
from kaiwu_runtime.generator._webhook_roles import webhook_certificate_roles
from kaiwu_runtime.generator._webhooks import build_webhook_configurations, with_conversions
from kaiwu_runtime.generator._yaml_output import GENERATED
from kaiwu_runtime.webhook import MatchCondition, Validator, converting, mutating, validating
from kaiwu_runtime.webhook._configuration import declared_conversions, declared_webhooks
from kaiwu_runtime.webhook._declarations import ConversionDeclaration, WebhookDeclaration
from kaiwu_runtime.webhook._local_configuration import local_configuration


@resource(group="web.example.com", version="v2")
class Shop(CustomResource):
    pass


@resource(group="web.example.com", version="v1", kind="Shop", storage=False)
class OldShop(CustomResource):
    pass


@resource(group="web.example.com", version="v1beta1", kind="Shop", storage=False)
class OldestShop(CustomResource):
    pass


def declared(decorator: Any = validating, **how: Any) -> WebhookDeclaration:
    @decorator(**how)
    class Hooks(Validator[Shop]):
        pass

    return declared_webhooks(Hooks)[0]


def conversion(*kinds: Any) -> ConversionDeclaration:
    @converting(*kinds)
    class Hooks:
        pass

    return declared_conversions(Hooks)[0]


def test_the_form_is_controller_gens() -> None:
    mutate, validate = build_webhook_configurations([declared(), declared(mutating)])
    assert mutate == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "mutating-webhook-configuration"},
        "webhooks": [
            {
                "name": "mshop-v2.web.example.com",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "service": {
                        "name": "webhook-service",
                        "namespace": "system",
                        "path": "/mutate-web-example-com-v2-shop",
                    }
                },
                "failurePolicy": "Fail",
                "rules": [
                    {
                        "apiGroups": ["web.example.com"],
                        "apiVersions": ["v2"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["shops"],
                    }
                ],
                "sideEffects": "None",
            }
        ],
    }
    assert (validate["kind"], validate["metadata"]) == (
        "ValidatingWebhookConfiguration",
        {"name": "validating-webhook-configuration"},
    )
    assert validate["webhooks"][0]["clientConfig"]["service"]["path"] == "/validate-web-example-com-v2-shop"


def test_every_argument_arrives() -> None:
    (configuration,) = build_webhook_configurations(
        [
            declared(
                mutating,
                name="a.b.c",
                operations=["create", "delete"],
                groups=["core", "apps"],
                versions="*",
                resources=["pods", "pods/status"],
                scope="Namespaced",
                path="/a",
                service_name="s",
                service_namespace="n",
                service_port=8443,
                failure_policy="Ignore",
                match_policy="Exact",
                side_effects="NoneOnDryRun",
                timeout_seconds=7,
                reinvocation_policy="IfNeeded",
                admission_review_versions=["v1", "v1beta1"],
                namespace_selector={"matchLabels": {"a": "b"}},
                object_selector={"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
                match_conditions=[MatchCondition("a", "true")],
            )
        ]
    )
    assert configuration["webhooks"] == [
        {
            "name": "a.b.c",
            "admissionReviewVersions": ["v1", "v1beta1"],
            "clientConfig": {"service": {"name": "s", "namespace": "n", "path": "/a", "port": 8443}},
            "failurePolicy": "Ignore",
            "matchConditions": [{"name": "a", "expression": "true"}],
            "matchPolicy": "Exact",
            "namespaceSelector": {"matchLabels": {"a": "b"}},
            "objectSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
            "reinvocationPolicy": "IfNeeded",
            "rules": [
                {
                    "apiGroups": ["", "apps"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "DELETE"],
                    "resources": ["pods", "pods/status"],
                    "scope": "Namespaced",
                }
            ],
            "sideEffects": "NoneOnDryRun",
            "timeoutSeconds": 7,
        }
    ]


def test_a_url_takes_the_place_of_the_service() -> None:
    (configuration,) = build_webhook_configurations([declared(url="https://x:1/a")])
    assert configuration["webhooks"][0]["clientConfig"] == {"url": "https://x:1/a"}


@given(st.permutations(["a.b.c", "b.b.c", "a.b.d", "m.b.c"]))
def test_the_order_is_that_of_the_names(names: list[str]) -> None:
    (configuration,) = build_webhook_configurations([declared(name=name) for name in names])
    assert [webhook["name"] for webhook in configuration["webhooks"]] == ["a.b.c", "a.b.d", "b.b.c", "m.b.c"]


def test_a_namespaced_operator_is_called_for_its_own_namespace() -> None:
    own = {"matchLabels": {"kubernetes.io/metadata.name": "system"}}
    (configuration,) = build_webhook_configurations([declared()], namespaced=True)
    assert configuration["webhooks"][0]["namespaceSelector"] == own
    # What the project says counts.
    mine = {"matchLabels": {"a": "b"}}
    (configuration,) = build_webhook_configurations([declared(namespace_selector=mine)], namespaced=True)
    assert configuration["webhooks"][0]["namespaceSelector"] == mine
    local = local_configuration(build_webhook_configurations([declared()], namespaced=True)[0], "https://x:1", "")
    assert "namespaceSelector" not in local["webhooks"][0]


def test_two_webhooks_of_one_name_are_refused() -> None:
    with pytest.raises(DefinitionError, match=r"two webhooks are named vshop-v2\.web\.example\.com"):
        build_webhook_configurations([declared(), declared()])
    # Two configurations may have one name each.
    assert len(build_webhook_configurations([declared(name="a.b.c"), declared(mutating, name="a.b.c")])) == 2


def test_an_invalid_condition_names_class_and_condition() -> None:
    with pytest.raises(DefinitionError, match=r"Hooks: the match condition 'big' does not parse: "):
        build_webhook_configurations([declared(match_conditions={"big": "object.spec.size >"})])


def test_the_conversion_goes_into_the_crd() -> None:
    crds = build_crds([Shop, OldShop])
    (crd,) = with_conversions(crds, [conversion(Shop, OldShop)])
    assert crd.manifest["spec"]["conversion"] == {
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {"service": {"name": "webhook-service", "namespace": "system", "path": "/convert"}},
            "conversionReviewVersions": ["v1"],
        },
    }
    assert "conversion" not in crds[0].manifest["spec"]
    assert with_conversions(crds, []) == crds


@pytest.mark.parametrize("kinds", list(permutations([Shop, OldShop, OldestShop])))
def test_any_version_may_be_the_hub(kinds: tuple[Any, ...]) -> None:
    (crd,) = with_conversions(build_crds([Shop, OldShop, OldestShop]), [conversion(*kinds)])
    assert crd.manifest["spec"]["conversion"]["strategy"] == "Webhook"


def test_every_version_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"@converting\(Shop, \.\.\.\) lacks version v1beta1: name every version"):
        with_conversions(build_crds([Shop, OldShop, OldestShop]), [conversion(Shop, OldShop)])
    with pytest.raises(DefinitionError, match=r"has version v1beta1, which is not a type here"):
        with_conversions(build_crds([Shop, OldShop]), [conversion(Shop, OldShop, OldestShop)])
    with pytest.raises(DefinitionError, match="is not a type of this project"):
        with_conversions([], [conversion(Shop, OldShop)])
    with pytest.raises(DefinitionError, match="a kind has one conversion"):
        with_conversions(build_crds([Shop, OldShop]), [conversion(Shop, OldShop), conversion(OldShop, Shop)])


def test_the_role_is_limited_to_names() -> None:
    configurations = build_webhook_configurations([declared(), declared(mutating)])
    cluster_role, role, *bindings = webhook_certificate_roles(configurations, [conversion(Shop, OldShop)])
    assert {(rule["resources"][0], *rule["resourceNames"], *rule["verbs"]) for rule in cluster_role["rules"]} == {
        ("mutatingwebhookconfigurations", "mutating-webhook-configuration", "get", "patch"),
        ("validatingwebhookconfigurations", "validating-webhook-configuration", "get", "patch"),
        ("customresourcedefinitions", "shops.web.example.com", "get", "patch"),
    }
    assert role["metadata"]["namespace"] == "system"
    assert [binding["kind"] for binding in bindings] == ["ClusterRoleBinding", "RoleBinding"]


TYPES = """
from kaiwu_runtime.api import CustomResource, resource

@resource(group="web.example.com", version="v1")
class Shop(CustomResource):
    pass
"""
HOOKS = """
from kaiwu_runtime.webhook import Validator, validating
from api.v1.shop_types import Shop

@validating()
class ShopRules(Validator[Shop]):
    pass
"""


def test_make_manifests_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in {"api/v1/shop_types.py": TYPES, "controllers/shop_webhook.py": HOOKS}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    file = tmp_path / "config/webhook/manifests.yaml"
    try:
        assert main(["manifests"]) == 0
        (configuration,) = yaml.safe_load_all(file.read_text())
        assert configuration["kind"] == "ValidatingWebhookConfiguration"
        assert "config/webhook/kustomization.yaml does not exist: `kaiwuctl create webhook`" in capsys.readouterr().err
        assert not (tmp_path / "config/webhook/role.yaml").exists()
        (tmp_path / "config/webhook/role.yaml").write_text(GENERATED)
        assert main(["manifests"]) == 0
        assert len(list(yaml.safe_load_all((tmp_path / "config/webhook/role.yaml").read_text()))) == 4
        # What a person wrote is not replaced.
        file.write_text("# mine\n")
        assert main(["manifests"]) == 1
        assert "config/webhook/manifests.yaml was not written by `make manifests`" in capsys.readouterr().err
        assert file.read_text() == "# mine\n"
        file.write_text(GENERATED)
        # Without webhooks the file stays, empty, because a kustomization lists it.
        (tmp_path / "controllers/shop_webhook.py").unlink()
        assert main(["manifests"]) == 0
        assert file.read_text() == GENERATED
    finally:
        from sys import modules

        for name in [name for name in modules if name.partition(".")[0] in {"api", "controllers"}]:
            del modules[name]
