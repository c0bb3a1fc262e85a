"""The same requests to the fake and to a real API server get the same answers, field by field."""

from __future__ import annotations

import os
from typing import Any

import pytest

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing import FakeTransport

from ..crds import install
from . import scenarios_of_apply, scenarios_of_patches, scenarios_of_reads, scenarios_of_subresources
from .api import API, Gadget, Gear, Gizmo, normalised
from .hostile_writes import hostile_writes
from .random_writes import random_writes
from .scenarios import SCENARIOS, Scenario

SUBJECTS = (scenarios_of_reads, scenarios_of_patches, scenarios_of_apply, scenarios_of_subresources)
"""Imported, they are all in SCENARIOS."""
DEFAULTED = {"apply_of_built_in_kinds"}
"""Scenarios whose objects a real server fills with defaults: of them managedFields are compared."""


@pytest.fixture(scope="module")
def crds(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    install(control_plane, [Gadget, Gizmo, Gear], tmp_path_factory.mktemp("crds"))


async def answers(api: API, name: str, scenario: Scenario) -> list[Any]:
    await scenario(api)
    log = normalised(api.log, api.namespace)
    if name in DEFAULTED:
        log = [entry["metadata"]["managedFields"] if "metadata" in entry else entry for entry in log]
    return log


async def compare(client: Client, namespace: str, name: str, scenario: Scenario) -> None:
    real = await answers(API(client.transport, namespace), name, scenario)
    fake = await answers(API(FakeTransport(Gadget, Gizmo, Gear), namespace), name, scenario)
    found = differences(real, fake)
    assert not found, "\n".join(found)


@pytest.mark.envtest
@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("name", SCENARIOS)
async def test_both_servers_answer_alike(client: Client, namespace: str, name: str) -> None:
    await compare(client, namespace, name, SCENARIOS[name])


@pytest.mark.envtest
@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("seed", range(int(os.environ.get("KAIWU_FAKE_SEEDS", "10"))))
async def test_both_servers_answer_alike_to_writes_by_chance(client: Client, namespace: str, seed: int) -> None:
    await compare(client, namespace, f"seed {seed}", random_writes(seed))


@pytest.mark.envtest
@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("seed", range(int(os.environ.get("KAIWU_FAKE_SEEDS", "16"))))
async def test_both_servers_refuse_alike(client: Client, namespace: str, seed: int) -> None:
    """Who owns which field is left to the writes above: a hostile write may end what is known of that."""
    scenario = hostile_writes(seed)
    logs = []
    for transport in (client.transport, FakeTransport(Gadget, Gizmo)):
        api = API(transport, namespace)
        await scenario(api)
        logs.append(without_versions(normalised(api.log, namespace)))
    found = differences(*logs)
    assert not found, "\n".join(found)


def without_versions(value: Any) -> Any:
    """Return answers without managedFields, and what is numbered by the writes that changed them."""
    if isinstance(value, list):
        return [without_versions(item) for item in value]
    if not isinstance(value, dict):
        return value
    left_out = {"managedFields", "resourceVersion", "uid"} if "creationTimestamp" in value else set()
    return {name: without_versions(part) for name, part in value.items() if name not in left_out}


def differences(real: Any, fake: Any, where: str = "") -> list[str]:
    """Return one line for each place where two answers differ."""
    if isinstance(real, dict) and isinstance(fake, dict):
        names = sorted({**real, **fake})
        return [
            line
            for name in names
            for line in differences(real.get(name, "(nothing)"), fake.get(name, "(nothing)"), f"{where}.{name}")
        ]
    if isinstance(real, list) and isinstance(fake, list) and len(real) == len(fake):
        pairs = enumerate(zip(real, fake, strict=True))
        return [line for number, pair in pairs for line in differences(*pair, f"{where}[{number}]")]
    return [] if json_equal(real, fake) else [f"{where}: {real!r} by the real one, {fake!r} by the fake"]
