"""Webhooks of a project, called by the API server in memory as by a real one: the same story has the same outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import APIStatusError, ConfigurationError
from kaiwu_runtime.generator._webhooks import build_webhook_configurations
from kaiwu_runtime.testing import FakeTransport, run_manager
from kaiwu_runtime.webhook import (
    AdmissionDenied,
    AdmissionRequest,
    Cause,
    Defaulter,
    UserInfo,
    Validator,
    Warnings,
    Webhook,
    mutating,
    validating,
    webhook_managed_by,
)
from kaiwu_runtime.webhook._configuration import declared_webhooks

from ..crds import install


class KioskSpec(APIModel):
    size: int | None = None
    tier: str | None = None


class KioskStatus(APIModel):
    phase: str = ""


@resource(group="kiosks.example.com", version="v1")
class Kiosk(CustomResource):
    spec: KioskSpec = KioskSpec()
    status: KioskStatus | None = None


@mutating()
class Defaults(Defaulter[Kiosk]):
    async def default(self, obj: Kiosk, request: AdmissionRequest) -> None:
        if obj.spec.size is None:
            obj.spec.size = 3
        obj.metadata.labels = {**(obj.metadata.labels or {}), "seen": request.operation.lower()}


@validating(operations=["CREATE", "UPDATE", "DELETE"])
class Rules(Validator[Kiosk]):
    def validate_create(self, obj: Kiosk, request: AdmissionRequest) -> Warnings:  # in a thread
        if (obj.spec.size or 0) > 9:
            raise AdmissionDenied("a kiosk has at most 9 shelves", causes=[Cause("spec.size", "at most 9")])
        return None

    async def validate_update(self, old: Kiosk, new: Kiosk, request: AdmissionRequest) -> Warnings:
        if (new.spec.size or 0) < (old.spec.size or 0):
            raise AdmissionDenied("a kiosk does not shrink")
        return None

    async def validate_delete(self, obj: Kiosk, request: AdmissionRequest) -> Warnings:
        if obj.spec.tier == "kept":
            raise AdmissionDenied("it is kept", code=409)
        return None


class Hooks(Webhook):
    def setup_with_manager(self, manager: Manager) -> None:
        webhook_managed_by(manager).for_(Kiosk).with_defaulter(Defaults()).with_validator(Rules()).complete()


async def story(client: Client) -> list[Any]:
    """Return what happened to each write."""
    told: list[Any] = []

    async def tell(what: str, request: Any) -> None:
        try:
            found = await request
        except APIStatusError as error:
            told.append((what, type(error).__name__, error.code, error.message, error.details.get("causes")))
            return
        if isinstance(found, Kiosk):
            owners = sorted(
                (entry.manager, entry.operation, "f:size" in str(entry.fieldsV1), "f:seen" in str(entry.fieldsV1))
                for entry in found.metadata.managedFields or ()
            )
            told.append((what, found.spec.size, found.metadata.labels, found.metadata.generation, owners))
        else:
            told.append((what, "done"))

    namespace = client.namespace

    def kiosk(name: str, **spec: Any) -> Kiosk:
        return Kiosk.model_validate({"metadata": {"name": name, "namespace": namespace}, "spec": spec})

    await tell("create", client.create(kiosk("a")))
    await tell("change nothing", client.patch(Kiosk, "a", {"spec": {"size": 3}}, namespace=namespace))
    await tell("too large", client.create(kiosk("b", size=10)))
    await tell("dry run", client.apply(kiosk("b"), dry_run=True))
    await tell("not stored", client.find(Kiosk, "b", namespace=namespace))
    await tell("grow", client.patch(Kiosk, "a", {"spec": {"size": 5}}, namespace=namespace))
    await tell("shrink", client.patch(Kiosk, "a", {"spec": {"size": 4}}, namespace=namespace))
    await tell("apply", client.apply(kiosk("c", tier="kept")))
    await tell("apply the same", client.apply(kiosk("c", tier="kept")))
    await tell("create d", client.create(kiosk("d", size=1)))
    for _ in range(2):
        await tell("change nothing", client.patch(Kiosk, "d", {}, namespace=namespace))
    await tell("apply again", client.apply(kiosk("c", tier="kept", size=6)))
    await tell("status", client.patch_status(Kiosk, "c", {"phase": "Up"}, namespace=namespace))
    await tell("delete", client.delete(Kiosk, "c", namespace=namespace))
    await tell("release", client.patch(Kiosk, "c", {"spec": {"tier": "free"}}, namespace=namespace))
    await tell("delete again", client.delete(Kiosk, "c", namespace=namespace))
    await tell("delete a", client.delete(Kiosk, "a", namespace=namespace))
    return told


@pytest.mark.envtest
async def test_the_same_story_has_the_same_outcome(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    install(control_plane, [Kiosk], tmp_path)
    folder = tmp_path / "webhook"
    folder.mkdir()
    configurations = build_webhook_configurations([*declared_webhooks(Defaults), *declared_webhooks(Rules)])
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all(configurations))
    with control_plane.install_webhooks(folder) as webhooks:
        options = ManagerOptions(
            kubeconfig=str(control_plane.kubeconfig), health_probe_bind_address="0", **webhooks.manager_options()
        )
        manager = Manager(options)
        manager.setup(Hooks)
        async with run_manager(manager):
            real = await story(Client(client.transport, namespace=namespace, field_manager="story"))

    fake = FakeTransport(Kiosk)
    beside = Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(fake))
    beside.setup(Hooks)
    fake.call_webhooks(beside)
    told = await story(Client(fake, namespace=namespace, field_manager="story"))
    for mine, theirs in zip(told, real, strict=True):
        assert mine == theirs
    assert any("denied the request" in str(line) for line in told)


async def test_an_object_that_changes_meanwhile_is_reviewed_again() -> None:
    fake = FakeTransport(Kiosk)
    client = Client(fake)
    sizes: list[int | None] = []

    class Slow(Validator[Kiosk]):
        async def validate_update(self, old: Kiosk, new: Kiosk, request: AdmissionRequest) -> Warnings:
            sizes.append(old.spec.size)
            if len(sizes) == 1:  # another client writes while the webhook thinks
                await client.patch(Kiosk, "a", {"spec": {"size": 7}}, namespace="default")
            return None

    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=client)
    webhook_managed_by(manager).for_(Kiosk).with_validator(Slow()).complete()
    created = Kiosk.model_validate({"metadata": {"name": "a", "namespace": "default"}, "spec": {"size": 1}})
    await client.create(created)
    fake.call_webhooks(manager)
    found = await client.patch(Kiosk, "a", {"spec": {"tier": "x"}}, namespace="default")
    assert (found.spec.size, found.spec.tier) == (7, "x"), "neither write is lost"
    assert sizes == [1, 1, 7]


async def test_the_user_is_what_the_caller_says() -> None:
    fake = FakeTransport(Kiosk)
    users: list[str] = []

    class Asks(Defaulter[Kiosk]):
        async def default(self, obj: Kiosk, request: AdmissionRequest) -> None:
            users.append(request.user_info.username)

    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(fake))
    with pytest.raises(ConfigurationError, match="no webhooks"):
        fake.call_webhooks(manager)
    webhook_managed_by(manager).for_(Kiosk).with_defaulter(Asks()).complete()
    fake.call_webhooks(manager)
    await Client(fake).create(Kiosk.model_validate({"metadata": {"generateName": "a-", "namespace": "default"}}))
    fake.call_webhooks(manager, lambda: UserInfo(username="ann"))
    await Client(fake).create(Kiosk.model_validate({"metadata": {"name": "b", "namespace": "default"}}))
    assert users == ["kubernetes-admin", "ann"]
