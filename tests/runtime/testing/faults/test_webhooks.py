"""A project's webhooks take part in a run: what they set is there, and what they reject is a rejected write."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, ObjectReconciler, child_of
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.testing.faults import Cluster, Plan, Report, Scenario, check, step
from kaiwu_runtime.webhook import (
    AdmissionDenied,
    AdmissionRequest,
    Defaulter,
    Validator,
    Warnings,
    Webhook,
    mutating,
    validating,
    webhook_managed_by,
)

from ..api import Gadget, GadgetSpec


class Sizes(ObjectReconciler[Gadget]):
    """Copies the size, which the defaulter sets, to a ConfigMap."""

    finalizer = "testing.example.com/sizes"

    async def reconcile(self, obj: Gadget) -> None:
        size = (obj.spec or GadgetSpec()).size
        await self.client.apply(child_of(obj, ConfigMap, data={"size": str(size)}))

    async def finalize(self, obj: Gadget) -> None:
        """Have nothing to do: the ConfigMap goes with its owner."""


@mutating()
class Defaults(Defaulter[Gadget]):
    async def default(self, obj: Gadget, request: AdmissionRequest) -> None:
        obj.spec = obj.spec or GadgetSpec()
        obj.spec.size = obj.spec.size or 3


@validating(operations=["CREATE", "UPDATE"])
class Rules(Validator[Gadget]):
    """Reads through the client of its own process, as a check of quotas does."""

    users: ClassVar[set[str]] = set()

    def __init__(self, client: Client) -> None:
        self.client = client

    async def validate_create(self, obj: Gadget, request: AdmissionRequest) -> Warnings:
        self.users.add(request.user_info.username)
        if len(await self.client.list(Gadget, namespace=obj.key.namespace)) >= 2:
            raise AdmissionDenied("two are enough")
        return None

    async def validate_update(self, old: Gadget, new: Gadget, request: AdmissionRequest) -> Warnings:
        self.users.add(request.user_info.username)
        return None


class Hooks(Webhook):
    def __init__(self, client: Client) -> None:
        self.client = client

    def setup_with_manager(self, manager: Manager) -> None:
        builder = webhook_managed_by(manager).for_(Gadget)
        builder.with_defaulter(Defaults()).with_validator(Rules(self.client)).complete()


class SizeScenario(Scenario):
    kinds = (Gadget,)

    def operator(self, manager: Manager) -> None:
        manager.setup(Sizes)
        manager.setup(Hooks)

    @step
    async def create(self, cluster: Cluster) -> None:
        for name in ("a", "b"):
            await cluster.client.create(Gadget.model_validate({"metadata": {"name": name, "namespace": "default"}}))

    @step
    async def too_many(self, cluster: Cluster) -> None:
        with pytest.raises(APIStatusError, match="denied the request: two are enough"):
            await cluster.client.create(Gadget.model_validate({"metadata": {"name": "c", "namespace": "default"}}))

    @step
    async def delete(self, cluster: Cluster) -> None:
        await cluster.client.delete(Gadget, "a", namespace="default")


def checked(kind: type[Scenario], plan: str = "") -> Report:
    return check(kind, plan=Plan.parse(plan) if plan else None, seed=1, budget=None)


def test_defaults_and_rejections_take_part_in_every_plan() -> None:
    Rules.users.clear()
    report = checked(SizeScenario)
    assert [str(finding) for finding in report.findings] == []
    assert report.ran == report.plans > 20
    state = report.reference.states["create"]
    assert state["ConfigMap default/a"]["data"] == {"size": "3"}
    assert sorted(name for name in report.reference.states["too_many"] if name.startswith("Gadget")) == [
        "Gadget default/a",
        "Gadget default/b",
    ]
    assert Rules.users == {"kubernetes-admin", "system:serviceaccount:default:controller-manager"}


def test_an_operator_whose_own_write_is_rejected_does_not_settle() -> None:
    class NoFinalizers(Validator[Gadget]):
        async def validate_update(self, old: Gadget, new: Gadget, request: AdmissionRequest) -> Warnings:
            if new.metadata.finalizers:
                raise AdmissionDenied("objects have no finalizers here")
            return None

    class Rejecting(Webhook):
        def setup_with_manager(self, manager: Manager) -> None:
            webhook_managed_by(manager).for_(Gadget).with_validator(NoFinalizers()).complete()

    class Scene(SizeScenario):
        limit = 120.0

        def operator(self, manager: Manager) -> None:
            manager.setup(Sizes)
            manager.setup(Rejecting)

    report = checked(Scene, "none")
    (finding,) = report.findings
    assert "not settled after 120 s" in finding.text
    assert "objects have no finalizers here" in finding.text


class Suffix(Defaulter[Gadget]):
    """Adds to the name at each write."""

    def default(self, obj: Gadget, request: AdmissionRequest) -> None:
        obj.metadata.labels = {"name": f"{(obj.metadata.labels or {}).get('name', '')}x"}


class Stamp(Defaulter[Gadget]):
    """Notes when the object was written, which is another time at each call."""

    def default(self, obj: Gadget, request: AdmissionRequest) -> None:
        obj.metadata.annotations = {"at": datetime.now(UTC).isoformat()}


class FillsIn(Defaulter[Gadget]):
    """Draws a name where there is none."""

    def default(self, obj: Gadget, request: AdmissionRequest) -> None:
        obj.metadata.labels = obj.metadata.labels or {"name": f"x{request.uid.count('a')}"}


class Counts(Defaulter[Gadget]):
    """Counts the changes of the spec, which the next write is not."""

    def default(self, obj: Gadget, request: AdmissionRequest) -> None:
        old = json.loads(request.old_object or b"{}")
        if old.get("spec") != json.loads(request.object).get("spec"):
            count = int((obj.metadata.labels or {}).get("count", "0"))
            obj.metadata.labels = {"count": str(count + 1)}


@mutating(operations=["CREATE"])
class AtFirst(Suffix):
    """Is not called again."""


@mutating(reinvocation_policy="IfNeeded")
class CountsAgain(Counts):
    """Is called again for the same change."""


@pytest.mark.parametrize(
    ("defaulter", "ignored", "text"),
    [
        (
            Suffix,
            (),
            "Suffix changes its own result: Gadget default/a.metadata.labels.name is 'xx', not 'x'",
        ),
        (Suffix, ("metadata.labels.name",), ""),
        (Stamp, (), ""),
        (FillsIn, ("metadata.labels.name",), ""),
        (Defaults, (), ""),
        (Counts, (), ""),
        (AtFirst, (), ""),
        (
            CountsAgain,
            (),
            "CountsAgain changes its own result: Gadget default/a.metadata.labels.count is '2', not '1'",
        ),
    ],
)
def test_a_defaulter_that_changes_its_own_result_is_found(
    defaulter: type[Defaulter[Gadget]], ignored: tuple[str, ...], text: str
) -> None:
    class Defaulting(Webhook):
        def setup_with_manager(self, manager: Manager) -> None:
            webhook_managed_by(manager).for_(Gadget).with_defaulter(defaulter()).complete()

    class Scene(SizeScenario):
        def operator(self, manager: Manager) -> None:
            manager.setup(Sizes)
            manager.setup(Defaulting)

        @step
        async def too_many(self, cluster: Cluster) -> None:
            """Change one instead."""
            await cluster.client.patch(Gadget, "a", {"spec": {"size": 8}}, namespace="default")

    Scene.ignored = ignored
    cure = ": it is called at each write of the object, so let it change only what is not yet as it should be"
    assert [finding.text for finding in checked(Scene, "none").findings] == ([text + cure] if text else [])
