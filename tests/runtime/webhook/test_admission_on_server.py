"""Admission as the API server does it: defaults, refusals, warnings, dry run and failing code, end to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from kaiwu_runtime import Client, Manager
from kaiwu_runtime._log import fields_of
from kaiwu_runtime.client import PatchType
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import ForbiddenError, InvalidError, NotFoundError, ServerError
from kaiwu_runtime.webhook import AdmissionDenied, AdmissionRequest, Cause, Defaulter, Validator, webhook_managed_by

from .widgets import (
    Part,
    Widget,
    configuration,
    configurations_path,
    crd,
    installed,
    raw,
    running,
    widget_path,
    write_pair,
)

pytestmark = pytest.mark.envtest


class Defaults(Defaulter[Widget]):
    def default(self, obj: Widget, request: AdmissionRequest) -> None:
        if obj.spec.colour is None:
            obj.spec.colour = "red"
        if all(part.name != "base" for part in obj.spec.parts):
            obj.spec.parts.insert(0, Part(name="base"))
        for part in obj.spec.parts:
            part.size = part.size or 1


class Rules(Validator[Widget]):
    """Refuses, warns and fails on demand; notes what it was asked."""

    def __init__(self) -> None:
        self.requests: list[AdmissionRequest] = []

    async def validate_create(self, obj: Widget, request: AdmissionRequest) -> list[str] | None:
        self.requests.append(request)
        if obj.spec.colour == "broken":
            raise RuntimeError("no such\ncolour")
        if obj.spec.colour == "green":
            return ["green fades", "use blue"]
        if obj.spec.size is not None and obj.spec.size % 2 == 0:
            raise AdmissionDenied(
                "the widget is wrong",
                causes=[Cause("spec.size", "must be odd"), Cause("spec.colour", "must go with the size")],
            )
        return None

    async def validate_update(self, old: Widget, new: Widget, request: AdmissionRequest) -> None:
        self.requests.append(request)
        if old.spec.colour != new.spec.colour:
            raise AdmissionDenied(f"a {old.spec.colour} widget stays {old.spec.colour}")

    def validate_delete(self, obj: Widget, request: AdmissionRequest) -> None:
        self.requests.append(request)
        if obj.spec.colour == "eternal":
            raise AdmissionDenied("eternal widgets stay", code=403)


@pytest.fixture(scope="module", autouse=True)
def widgets(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed(control_plane, crd(), tmp_path_factory.mktemp("crd")):
        yield


@pytest.fixture
async def rules(control_plane: ControlPlane, client: Client, tmp_path: Path) -> AsyncIterator[Rules]:
    """The validator of webhooks that the API server calls while the test runs."""
    authority = CertificateAuthority()
    write_pair(tmp_path, authority)
    validator = Rules()

    def setup(manager: Manager) -> None:
        webhook_managed_by(manager).for_(Widget).with_defaulter(Defaults()).with_validator(validator).complete()

    async with running(control_plane, tmp_path, setup) as (_, url):
        for kind, verb in (("Mutating", "mutate"), ("Validating", "validate")):
            address = f"{url}/{verb}-hooks-example-com-v1-widget"
            body = configuration(kind, "hooks-test", address, authority.certificate)
            await raw(client, "POST", configurations_path(kind), body)
        try:
            await until_called(client)
            validator.requests.clear()
            yield validator
        finally:
            for kind in ("Mutating", "Validating"):
                await raw(client, "DELETE", configurations_path(kind, "hooks-test"))


async def until_called(client: Client) -> None:
    """Wait until the API server knows both configurations: it learns of them by a watch."""
    path = f"{widget_path('default')}?dryRun=All"
    async with asyncio.timeout(20):
        while "colour" not in (await raw(client, "POST", path, widget("probe", "default")))["spec"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        with contextlib.suppress(InvalidError):
            while await raw(client, "POST", path, widget("probe", "default", size=2)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def widget(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "hooks.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


async def create(client: Client, namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    return await raw(client, "POST", widget_path(namespace), widget(name, namespace, **spec))


async def test_defaults_are_stored_and_unknown_fields_survive(client: Client, namespace: str, rules: Rules) -> None:
    parts = [{"name": "p", "alloy": {"tin": 3}}, {"name": "q", "size": 2, "holes": [1, 2]}]
    await create(client, namespace, "a", shape={"round": True}, parts=parts)
    stored = await raw(client, "GET", widget_path(namespace, "a"))
    assert stored["spec"] == {
        "colour": "red",
        "shape": {"round": True},
        "parts": [
            {"name": "base", "size": 1},
            {"name": "p", "size": 1, "alloy": {"tin": 3}},
            {"name": "q", "size": 2, "holes": [1, 2]},
        ],
    }
    (request,) = rules.requests
    assert json.loads(request.object)["spec"] == stored["spec"], "validation comes after defaulting"


async def test_a_refused_creation_has_message_and_causes(client: Client, namespace: str, rules: Rules) -> None:
    with pytest.raises(InvalidError) as refused:
        await create(client, namespace, "a", size=2)
    assert str(refused.value) == (
        'admission webhook "validating.hooks.example.com" denied the request: the widget is wrong'
    )
    assert refused.value.reason == "Invalid"
    assert refused.value.details == {
        "name": "a",
        "group": "hooks.example.com",
        "kind": "Widget",
        "causes": [
            {"reason": "FieldValueInvalid", "message": "must be odd", "field": "spec.size"},
            {"reason": "FieldValueInvalid", "message": "must go with the size", "field": "spec.colour"},
        ],
    }
    with pytest.raises(NotFoundError):
        await raw(client, "GET", widget_path(namespace, "a"))


async def test_a_refused_update_and_a_refused_deletion_change_nothing(
    client: Client, namespace: str, rules: Rules
) -> None:
    await create(client, namespace, "a", colour="eternal")
    with pytest.raises(ForbiddenError, match=r"denied the request: a eternal widget stays eternal$"):
        await client.patch(Widget, "a", {"spec": {"colour": "blue"}}, namespace=namespace)
    with pytest.raises(ForbiddenError, match=r"denied the request: eternal widgets stay$") as refused:
        await client.delete(Widget, "a", namespace=namespace)
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")
    assert (await client.get(Widget, "a", namespace=namespace)).spec.colour == "eternal"
    assert [request.operation for request in rules.requests] == ["CREATE", "UPDATE", "DELETE"]
    _, update, delete = rules.requests
    assert json.loads(update.old_object)["spec"]["colour"] == "eternal"
    assert json.loads(update.object)["spec"]["colour"] == "blue"
    assert (delete.object, json.loads(delete.old_object)["spec"]["colour"]) == (b"", "eternal")


async def test_an_allowed_update_and_deletion_go_through(client: Client, namespace: str, rules: Rules) -> None:
    await create(client, namespace, "a")
    await client.patch(Widget, "a", {"spec": {"size": 4}}, namespace=namespace)
    assert (await client.get(Widget, "a", namespace=namespace)).spec.size == 4
    await client.delete(Widget, "a", namespace=namespace)
    with pytest.raises(NotFoundError):
        await client.get(Widget, "a", namespace=namespace)


async def test_warnings_arrive_and_the_client_logs_them(
    client: Client, namespace: str, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    await create(client, namespace, "a", colour="green")
    warned = [record.getMessage() for record in caplog.records if "warns" in record.getMessage()]
    assert warned == ["The API server warns: green fades", "The API server warns: use blue"]


async def test_the_request_says_who_does_what(client: Client, namespace: str, rules: Rules) -> None:
    await raw(client, "POST", f"{widget_path(namespace)}?dryRun=All", widget("dry", namespace))
    await create(client, namespace, "wet")
    dry, wet = rules.requests
    assert (dry.dry_run, wet.dry_run) == (True, False)
    assert (dry.operation, dry.namespace, dry.name, dry.sub_resource) == ("CREATE", namespace, "dry", "")
    assert dry.resource == ("hooks.example.com", "v1", "widgets")
    assert dry.kind == ("hooks.example.com", "v1", "Widget")
    assert "system:masters" in dry.user_info.groups
    assert json.loads(dry.options)["kind"] == "CreateOptions"
    assert dry.old_object == b""
    with pytest.raises(NotFoundError):
        await raw(client, "GET", widget_path(namespace, "dry"))


async def test_a_subresource_is_named(client: Client, namespace: str, rules: Rules) -> None:
    path = configurations_path("Validating", "hooks-test")
    found = await raw(client, "GET", path)
    found["webhooks"][0]["rules"][0]["resources"] = ["widgets", "widgets/status"]
    await raw(client, "PUT", path, found)
    await create(client, namespace, "a")
    async with asyncio.timeout(20):
        while not any(request.sub_resource for request in rules.requests):
            await client.patch(
                Widget,
                "a",
                {"metadata": {"annotations": {"n": str(len(rules.requests))}}},
                namespace=namespace,
                subresource="status",
            )
            await asyncio.sleep(0.05)
    (request, *_) = [request for request in rules.requests if request.sub_resource]
    assert (request.sub_resource, request.operation, request.key) == ("status", "UPDATE", (namespace, "a"))


async def test_failing_user_code_refuses_with_one_line_and_is_logged(
    client: Client, namespace: str, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ServerError) as failed:
        await create(client, namespace, "a", colour="broken")
    assert (failed.value.code, failed.value.reason) == (500, "InternalError")
    assert str(failed.value) == (
        'admission webhook "validating.hooks.example.com" denied the request: RuntimeError: no such colour'
    )
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert fields_of(record)["object"] == f"{namespace}/a"


async def test_an_object_that_does_not_fit_its_type_is_refused_with_the_field(
    client: Client, namespace: str, rules: Rules
) -> None:
    with pytest.raises(
        InvalidError, match=rf"mutating.*: Widget {namespace}/a: spec\.size: Input should be a valid int"
    ):
        await create(client, namespace, "a", size="big")
    assert rules.requests == []


async def test_server_side_apply_is_defaulted_too(client: Client, namespace: str, rules: Rules) -> None:
    body = json.dumps(widget("a", namespace, shape="round")).encode()
    path = widget_path(namespace, "a")
    for _ in range(2):
        applied = json.loads(
            await client.transport.request(
                "PATCH", path, params={"fieldManager": "test"}, body=body, content_type=PatchType.APPLY.value
            )
        )
        assert applied["spec"] == {"shape": "round", "colour": "red", "parts": [{"name": "base", "size": 1}]}
    assert applied["metadata"]["generation"] == 1


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
async def test_what_kubectl_prints(control_plane: ControlPlane, namespace: str, rules: Rules) -> None:
    async def kubectl(*arguments: str, body: object = None) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            f"--kubeconfig={control_plane.kubeconfig}",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate(json.dumps(body).encode() if body else None)
        return process.returncode or 0, output.decode()

    refused = await kubectl("create", "-f-", body=widget("a", namespace, size=2))
    assert refused == (
        1,
        'The Widget "a" is invalid: \n* spec.size: must be odd\n* spec.colour: must go with the size\n',
    )
    warned = await kubectl("create", "-f-", body=widget("b", namespace, colour="green"))
    assert warned == (0, "Warning: green fades\nWarning: use blue\nwidget.hooks.example.com/b created\n")
    changed = await kubectl("patch", "widget", "b", "-n", namespace, "--type=merge", '-p={"spec":{"colour":"x"}}')
    assert changed == (
        1,
        (
            'Error from server (Forbidden): admission webhook "validating.hooks.example.com" denied the request: '
            "a green widget stays green\n"
        ),
    )
