"""What @mutating, @validating and @converting declare, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lightkube.models.meta_v1 import LabelSelector, LabelSelectorRequirement
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._webhooks import build_webhook_configurations
from kaiwu_runtime.webhook import (
    AdmissionRequest,
    Defaulter,
    MatchCondition,
    Validator,
    Webhook,
    converting,
    mutating,
    validating,
)
from kaiwu_runtime.webhook._configuration import declared_conversions, declared_webhooks

if TYPE_CHECKING:
    from kaiwu_runtime.envtest import ControlPlane


class ShopSpec(APIModel):
    size: int | None = None


@resource(group="web.example.com", version="v2")
class Shop(CustomResource):
    spec: ShopSpec = ShopSpec()


@resource(group="web.example.com", version="v1", kind="Shop", storage=False)
class OldShop(CustomResource):
    spec: ShopSpec = ShopSpec()


@resource(group="web.example.com", version="v1")
class Cart(CustomResource):
    spec: ShopSpec = ShopSpec()


def declare(**how: Any) -> Any:
    @validating(**how)
    class Rules(Validator[Shop]):
        pass

    (declaration,) = declared_webhooks(Rules)
    return declaration


def test_everything_follows_from_the_type() -> None:
    @mutating()
    class Defaults(Defaulter[Shop]):
        def default(self, obj: Shop, request: AdmissionRequest) -> None: ...

    (declaration,) = declared_webhooks(Defaults)
    assert declaration.is_mutating
    assert declaration.name == "mshop-v2.web.example.com"
    assert declaration.path == "/mutate-web-example-com-v2-shop"
    assert (declaration.groups, declaration.versions, declaration.resources) == (
        ("web.example.com",),
        ("v2",),
        ("shops",),
    )
    assert declaration.operations == ("CREATE", "UPDATE")


@pytest.mark.parametrize(
    ("kind", "group", "name"),
    [(Pod, "", "vpod-v1.kaiwuctl.io"), (Deployment, "apps", "vdeployment-v1.apps.kaiwuctl.io")],
)
def test_the_core_groups_get_a_name_of_three_parts(kind: type[Any], group: str, name: str) -> None:
    @validating(kind)
    class Rules(Validator[Any]):
        pass

    (declaration,) = declared_webhooks(Rules)
    assert declaration.groups == (group,)
    assert declaration.name == name


def test_a_type_argument_is_found_through_a_base_class_of_the_project() -> None:
    class Base(Validator[Shop]):
        pass

    @validating()
    class Rules(Base):
        pass

    assert declared_webhooks(Rules)[0].identity.kind == "Shop"
    assert declared_webhooks(Base) == ()


def test_a_class_may_be_called_for_several_reasons() -> None:
    @validating(name="vshop-write.web.example.com")
    @validating(name="vshop-delete.web.example.com", operations="delete", failure_policy="Ignore")
    class Rules(Validator[Shop]):
        pass

    assert [each.name.partition(".")[0] for each in declared_webhooks(Rules)] == ["vshop-write", "vshop-delete"]
    assert declared_webhooks(Rules)[1].operations == ("DELETE",)


ACCEPTED: list[dict[str, Any]] = [
    {"name": "a.b.c"},
    {"operations": "*"},
    {"operations": ["create", "DELETE", "Connect"]},
    {"groups": ["core", "apps"]},
    {"groups": "*", "versions": "*", "resources": "*/*"},
    {"resources": ["shops", "shops/status", "shops/scale"]},
    {"scope": "Cluster"},
    {"path": "/a/b-c.d"},
    {"url": "https://127.0.0.1:9443/validate"},
    {"url": "https://[::1]/"},
    {"service_name": "w", "service_namespace": "n", "service_port": 8443},
    {"failure_policy": "Ignore", "match_policy": "Exact", "side_effects": "NoneOnDryRun", "timeout_seconds": 30},
    {"admission_review_versions": ["v1", "v1beta1"]},
    {"namespace_selector": {"matchLabels": {"a.b/c": ""}}, "object_selector": {}},
    {"object_selector": LabelSelector(matchExpressions=[LabelSelectorRequirement(key="a", operator="Exists")])},
    {"match_conditions": [MatchCondition("a.b/c", "true")]},
    {"match_conditions": {f"c{index}": "true" for index in range(64)}},
]


REJECTED_PATHS = ["/Validate", "/a_b", "/a~b", "/-a", "/a.", "/%61"]


@pytest.mark.envtest
@pytest.mark.parametrize("path", REJECTED_PATHS)
def test_a_path_that_is_refused_the_api_server_rejects(control_plane: ControlPlane, path: str) -> None:
    (configuration,) = build_webhook_configurations([declare()])
    configuration["webhooks"][0]["clientConfig"]["service"]["path"] = path
    collection = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?dryRun=All"
    code, answer = control_plane.rest.request("POST", collection, configuration)
    assert code == 422, answer


@pytest.mark.envtest
def test_what_is_accepted_the_api_server_accepts(control_plane: ControlPlane) -> None:
    for how in ACCEPTED:
        (configuration,) = build_webhook_configurations([declare(**how)])
        path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?dryRun=All"
        code, answer = control_plane.rest.request("POST", path, configuration)
        assert code == 201, (how, answer)


def test_core_is_the_empty_group() -> None:
    assert declare(groups=["core", "apps"]).groups == ("", "apps")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"name": "shop"}, "name='shop': use a lower-case domain of at least three parts"),
        ({"name": "a.b"}, "at least three parts"),
        ({"name": "A.b.c"}, "at least three parts"),
        ({"name": f"{'a' * 250}.b.c"}, "at least three parts"),
        ({"operations": "patch"}, "operations='PATCH': use CREATE, UPDATE, DELETE, CONNECT, *"),
        ({"operations": []}, "operations is empty"),
        ({"operations": ["create", "create"]}, "operations names 'create' twice"),
        ({"operations": ["*", "create"]}, "'*' stands for all"),
        ({"operations": [1]}, "use strings"),
        ({"groups": "Web"}, "'Web' is not an API group"),
        ({"versions": "1"}, "'1' is not an API version"),
        ({"resources": "Shops"}, "'Shops': use a plural"),
        ({"resources": "a/b/c"}, "use a plural"),
        ({"resources": ["*", "shops"]}, "has '*' and 'shops'"),
        ({"resources": ["shops/*", "shops/status"]}, "has 'shops/*' and 'shops/status'"),
        ({"resources": ["*/*", "*"]}, "has '*/*' and '*'"),
        ({"scope": "namespace"}, "scope='namespace': use *, Cluster, Namespaced"),
        ({"path": "validate"}, "use a path without a query"),
        ({"path": "/a?b"}, "use a path without a query"),
        ({"path": "/a//b"}, "use a path without a query"),
        *(({"path": path}, "of lower-case letters, digits, '-' and '.'") for path in REJECTED_PATHS),
        ({"path": "/convert"}, "conversions are served there"),
        ({"path": "/a", "url": "https://x/a"}, "has a path and a url"),
        ({"url": "http://x/a"}, "use https://host:port/path"),
        ({"url": "https:///a"}, "use https://host:port/path"),
        ({"url": "https://u@x/a"}, "without a user"),
        ({"url": "https://x/a?b=c"}, "without a user, query"),
        ({"url": "https://x:99999/a"}, "use https://host:port/path"),
        ({"service_name": "A"}, "service_name='A'"),
        ({"service_port": 0}, "service_port=0: use 1 to 65535"),
        ({"failure_policy": "fail"}, "failure_policy='fail': use Fail, Ignore"),
        ({"match_policy": "Some"}, "match_policy='Some': use Equivalent, Exact"),
        ({"side_effects": "Some"}, "side_effects='Some': use None, NoneOnDryRun"),
        ({"timeout_seconds": 0}, "timeout_seconds=0: use 1 to 30"),
        ({"timeout_seconds": 31}, "use 1 to 30"),
        ({"timeout_seconds": True}, "use 1 to 30"),
        ({"timeout_seconds": 1.5}, "use 1 to 30"),
        ({"admission_review_versions": []}, "admission_review_versions is empty"),
        ({"admission_review_versions": "v1beta1"}, "v1, which is served, must be in it"),
        ({"namespace_selector": {"a": "b"}}, "use a LabelSelector"),
        ({"namespace_selector": "a=b"}, "use a LabelSelector"),
        ({"object_selector": {"matchLabels": {"a b": "c"}}}, "is not a label"),
        ({"object_selector": {"matchLabels": {"a": 1}}}, "is not a label"),
        ({"object_selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}, "use key, operator"),
        ({"object_selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, "use key, operator"),
        ({"object_selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}, "use key"),
        ({"match_conditions": {f"c{index}": "true" for index in range(65)}}, "65 match_conditions: use at most 64"),
        ({"match_conditions": [MatchCondition("a", "true"), MatchCondition("a", "false")]}, "two conditions are named"),
        ({"match_conditions": {"a b": "true"}}, "the name 'a b' is not valid"),
        ({"match_conditions": {"a": " "}}, "a is empty"),
        ({"match_conditions": ["true"]}, "use MatchCondition(name, expression)"),
    ],
)
def test_refused_in_one_line(how: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        declare(**how)
    assert message in str(caught.value)
    assert "Rules: @validating" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reinvocation_is_for_mutating_webhooks() -> None:
    with pytest.raises(TypeError, match="reinvocation_policy"):
        declare(reinvocation_policy="IfNeeded")
    with pytest.raises(DefinitionError, match="reinvocation_policy='Maybe'"):

        @mutating(reinvocation_policy="Maybe")  # type: ignore[arg-type]
        class Defaults(Validator[Shop]):
            pass


def test_a_class_without_a_kind_is_refused() -> None:
    with pytest.raises(DefinitionError, match="does not know the kind"):

        @validating()
        class Rules:
            pass

    with pytest.raises(DefinitionError, match="is not a Kubernetes resource"):

        @validating(int)
        class Others:
            pass


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(DefinitionError, match="unexpected keyword argument 'verbs'"):

        @mutating(verbs=["create"])  # type: ignore[call-arg]
        class Defaults(Validator[Shop]):
            pass


def test_the_versions_of_a_kind_are_declared() -> None:
    @converting(Shop, OldShop)
    class Hooks(Webhook):
        pass

    (declaration,) = declared_conversions(Hooks)
    assert declaration.hub.version == "v2"
    assert [spoke.version for spoke in declaration.spokes] == ["v1"]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([Shop], "has no other version"),
        ([Shop, Shop], "has version v2 twice"),
        ([Shop, Cart], "is not a version of Shop"),
        ([int, Shop], "is not a Kubernetes resource"),
    ],
)
def test_other_versions_are_refused(kinds: list[type[Any]], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):

        @converting(*kinds)
        class Hooks(Webhook):
            pass
