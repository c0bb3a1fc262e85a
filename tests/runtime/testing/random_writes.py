"""Random writes: cases that the scenarios do not contain."""

from __future__ import annotations

import random
from typing import Any

from .api import API
from .scenarios import Scenario, condition

NAMES = ("a", "b")
MANAGERS = ("alice", "bob", "carol")


def random_writes(seed: int, steps: int = 40) -> Scenario:
    """Return a scenario with writes that the seed decides; of a custom resource, every fourth time of a ConfigMap."""

    async def scenario(api: API) -> None:
        chance = random.Random(seed)
        write = _write_config_map if seed % 4 == 3 else _write_gadget
        for _ in range(steps):
            await write(api, chance, chance.choice(NAMES), chance.choice(MANAGERS))
        for name in NAMES:
            await api.get("ConfigMap" if seed % 4 == 3 else "Gadget", name)

    return scenario


async def _write_gadget(api: API, chance: random.Random, name: str, manager: str) -> None:
    force = chance.random() < 0.5
    match chance.choices(("create", "apply", "status", "patch", "patch status", "delete"), (2, 10, 4, 4, 2, 1))[0]:
        case "create":
            await api.create("Gadget", name, metadata=_metadata(chance), spec=_spec(chance))
        case "apply":
            parts: dict[str, Any] = {"spec": _spec(chance)} if chance.random() < 0.9 else {}
            await api.apply(manager, "Gadget", name, force=force, metadata=_metadata(chance), **parts)
        case "status":
            status = _status(chance, manager)
            await api.apply(manager, "Gadget", name, force=force, subresource="status", status=status)
        case "patch":
            await api.patch("Gadget", name, {"metadata": _metadata(chance), "spec": _spec(chance, nulls=True)})
        case "patch status":
            patch = {"status": {"phase": chance.choice("12")}}
            await api.patch("Gadget", name, patch, subresource="status")
        case "delete":
            await api.delete("Gadget", name)


async def _write_config_map(api: API, chance: random.Random, name: str, manager: str) -> None:
    data = _some(chance, {"a": chance.choice("12"), "b": chance.choice("12"), "c": "1"})
    parts = _some(chance, {"data": data, "immutable": False})
    match chance.choices(("create", "apply", "patch", "delete"), (1, 8, 4, 1))[0]:
        case "create":
            await api.create("ConfigMap", name, metadata=_metadata(chance), **parts)
        case "apply":
            force = chance.random() < 0.5
            await api.apply(manager, "ConfigMap", name, force=force, metadata=_metadata(chance), **parts)
        case "patch":
            nothing: dict[str, Any] = chance.choice(
                [{"data": None}, {"data": {"a": None}}, {"metadata": {"labels": None}}, {}]
            )
            await api.patch("ConfigMap", name, {"metadata": _metadata(chance), **parts, **nothing})
        case "delete":
            await api.delete("ConfigMap", name)


def _some(chance: random.Random, parts: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if chance.random() < 0.4}


def _metadata(chance: random.Random) -> dict[str, Any]:
    """Return metadata without empty maps: a real server stores those of a custom resource, and writes it anew later."""
    labels = {chance.choice("xy"): chance.choice("12")}
    finalizers = [chance.choice(["f.com/a", "f.com/b"])]
    return _some(chance, {"labels": labels, "annotations": {"n": "1"}, "finalizers": finalizers})


def _spec(chance: random.Random, *, nulls: bool = False) -> dict[str, Any]:
    containers = [_container(chance, name) for name in chance.sample(["p", "q", "r"], chance.randint(0, 3))]
    spec = {
        "size": chance.randint(1, 3),
        "tags": chance.sample(["s", "t"], chance.randint(0, 2)),
        "options": _some(chance, {"m": chance.choice("12"), "n": "1"}),
        "nested": _some(chance, {"a": chance.choice("12"), "deeper": {"name": "d", "value": chance.choice("12")}}),
        "containers": containers,
    }
    chosen = _some(chance, spec)
    if nulls and chosen and chance.random() < 0.5:
        chosen[chance.choice(sorted(chosen))] = None
    return chosen


def _container(chance: random.Random, name: str) -> dict[str, Any]:
    env = [{"name": key, "value": chance.choice("12")} for key in chance.sample(["E", "F"], chance.randint(0, 2))]
    port = {"containerPort": chance.choice((80, 81)), "protocol": "TCP"}
    return {"name": name, **_some(chance, {"image": chance.choice("12"), "args": ["x"], "env": env, "ports": [port]})}


def _status(chance: random.Random, manager: str) -> dict[str, Any]:
    """Return a status with a condition of the manager's own: parts of one that others take would break its schema."""
    own = condition(manager.capitalize(), chance.choice(("True", "False")))
    return _some(chance, {"phase": chance.choice("12"), "conditions": [own]})
