"""The permissions that come from a class: for its kind, and for what it owns and watches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret

from kaiwu_runtime import READ, WRITE, Client, ControllerBuilder, ObjectReconciler, Request, rbac
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, rbac_rules, resource
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._rbac import build_roles

from .test_object_reconciler import FINALIZER, Lamp


@resource(group="lamps.example.com", version="v1", plural="candles")
class Candle(CustomResource):
    """Has no status."""


@rbac(ConfigMap, verbs=WRITE)
@rbac(Pod, subresource="exec", verbs=["create", "get"])
class Full(ObjectReconciler[Lamp]):
    finalizer = FINALIZER

    def __init__(self, client: Client, cache: Cache) -> None:
        super().__init__(client)
        self.cache = cache
        self.workers = 4

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        self.cache.index_field(Lamp, "spec.secret", lambda _: [])
        return (
            controller.for_(Lamp, label_selector="a=b")
            .owns(ConfigMap)
            .owns(Deployment)
            .watches(Secret, self.lamps_with, metadata_only=True)
            .with_options(max_concurrent_reconciles=self.workers)
        )

    def lamps_with(self, secret: Any) -> Iterable[Request]:
        return []

    async def reconcile(self, lamp: Lamp) -> None: ...

    async def finalize(self, lamp: Lamp) -> None: ...


class Bare(ObjectReconciler[Candle]):
    async def reconcile(self, candle: Candle) -> None: ...


class CertificateStatus(APIModel):
    conditions: Conditions = Conditions()


@resource(group="certs.example.com", version="v1", external=True)
class Certificate(CustomResource):
    """Belongs to another project."""

    status: CertificateStatus = CertificateStatus()


class Foreign(ObjectReconciler[Certificate]):
    async def reconcile(self, certificate: Certificate) -> None: ...


class Failing(ObjectReconciler[Candle]):
    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        raise LookupError("nothing here")

    async def reconcile(self, candle: Candle) -> None: ...


def granted(reconciler: type[Any]) -> dict[str, list[str]]:
    """Return the verbs for each resource in the role that is made."""
    (role,) = build_roles(rbac_rules(reconciler), role_name="manager-role")
    return {
        f"{group}/{name}".lstrip("/"): rule["verbs"]
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for name in rule["resources"]
    }


def test_a_class_needs_what_it_names() -> None:
    assert granted(Full) == {
        "configmaps": ["create", "list", "patch", "watch"],
        "secrets": ["list", "watch"],
        "pods/exec": ["create", "get"],
        "apps/deployments": ["list", "watch"],
        "events.k8s.io/events": ["create", "patch"],
        "lamps.example.com/lamps": ["get", "list", "patch", "watch"],
        "lamps.example.com/lamps/finalizers": ["update"],
        "lamps.example.com/lamps/status": ["patch"],
    }


def test_a_class_that_owns_nothing_needs_little() -> None:
    assert granted(Bare) == {
        "events.k8s.io/events": ["create", "patch"],
        "lamps.example.com/candles": sorted(READ),
    }


def test_a_kind_of_another_project_is_only_read() -> None:
    assert granted(Foreign) == {
        "events.k8s.io/events": ["create", "patch"],
        "certs.example.com/certificates": sorted(READ),
    }


def test_an_abstract_class_needs_nothing() -> None:
    assert rbac_rules(ObjectReconciler) == ()


class Named(ObjectReconciler[Candle]):
    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.owns("Secret")  # type: ignore[arg-type]

    async def reconcile(self, candle: Candle) -> None: ...


class FromConstructor(ObjectReconciler[Candle]):
    def __init__(self, client: Client, child: Any) -> None:
        super().__init__(client)
        self.child = child

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.watches(self.child, lambda _: [])

    async def reconcile(self, candle: Candle) -> None: ...


@pytest.mark.parametrize(
    ("reconciler", "message"),
    [
        (Named, r"^Named\.build: owns\(\.\.\.\): 'Secret' is not a Kubernetes resource: pass the class"),
        (
            FromConstructor,
            r"^FromConstructor\.build: watches\(\.\.\.\): the kind comes from the constructor or the manager; ",
        ),
    ],
)
def test_what_is_watched_is_a_kind(reconciler: type[Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        rbac_rules(reconciler)


def test_a_builder_that_fails_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"Failing\.build: LookupError: nothing here; build is called without"):
        rbac_rules(Failing)


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((ConfigMap,), {"groups": ""}, None),
        ((ConfigMap,), {"groups": "apps"}, "has a kind and groups"),
        ((ConfigMap,), {"urls": "/metrics"}, "has a kind and groups"),
        ((), {"subresource": "log", "groups": "", "resources": "pods"}, "needs a kind"),
        ((str,), {}, r"@rbac\(\.\.\.\): builtins\.str is not a Kubernetes resource"),
        (("pods",), {}, r"@rbac\(\.\.\.\): 'pods' is not a Kubernetes resource: pass the class"),
    ],
)
def test_a_kind_replaces_groups_and_resources(
    arguments: tuple[Any, ...], keywords: dict[str, Any], message: str | None
) -> None:
    declare = rbac(*arguments, verbs="get", **keywords)
    if message is None:
        assert [rule.resources for rule in rbac_rules(declare(type("Plain", (), {})))] == [("configmaps",)]
        return
    with pytest.raises(DefinitionError, match=message):
        declare(type("Plain", (), {}))
