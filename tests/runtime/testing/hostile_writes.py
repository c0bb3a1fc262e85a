"""Writes by chance of what an API server may refuse: metadata of every kind, and the options of a request."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import quote

from .api import API, APPLY, JSON, MERGE
from .scenarios import Scenario

KINDS = ("ConfigMap", "Gadget", "Gizmo", "ClusterRole")
LONG = "x" * 253

NAMES = ("a", "A", "a_b", "a.b", "a..b", "-a", "a-", "1", LONG, f"{LONG}x", "a:b", "a b", "ä", "a%2Fb", "")
GENERATED = ("x", "x-", "x.", "X", "-x", "x_", "x" * 58, "x" * 59, "x" * 74, LONG, "x" * 260, "ä")
KEYS = (
    *("a", "a b", "x.com/a", "x.com/", "/a", "a/b/c", "a" * 63, "a" * 64, "x.com/" + "a" * 63, "X.com/a", "A.b-c_d"),
    *(f"{LONG}/a", f"{LONG}x/a", "ä", "-a", "a.", "", "example.com/-", "app.kubernetes.io/name"),
)
VALUES = ("", "b", "!", "-b", "b-", "b" * 63, "b" * 64, "B.c_d-e", "a/b", "ä", " ")
FINALIZERS = (
    *("plain", "example.com/f", "a b/!", "kubernetes", "orphan", "foregroundDeletion", "", "x.com/", "X.com/a"),
    *("example.com/" + "a" * 64, "a/b/c"),
)
MANAGERS = (
    None,
    "",
    "\0",
    "a",
    "a b",
    "x" * 128,
    "x" * 129,
    "ä" * 64,
    "ä" * 65,
    "\u200b",
    "\t",
    "\u2028",
    "\U000e0001",
    "😀",
)
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "own-1"}
OWNERS: tuple[list[dict[str, Any]], ...] = (
    [OWNER],
    [OWNER, {**OWNER, "uid": "own-2"}],
    [OWNER, OWNER],
    [{**OWNER, "controller": True}, {**OWNER, "uid": "own-2", "controller": True}],
    [{**OWNER, "controller": True}, {**OWNER, "uid": "own-2", "controller": False}],
    *([{**OWNER, name: ""}] for name in OWNER),
    *([{key: value for key, value in OWNER.items() if key != name}] for name in OWNER),
    [{**OWNER, "apiVersion": "v1", "kind": "Event"}],
    [{**OWNER, "apiVersion": "events.k8s.io/v1", "kind": "Event"}],
    [{**OWNER, "apiVersion": "a/b/c"}],
    [{**OWNER, "name": "A b"}],
)
SYSTEM: tuple[dict[str, Any], ...] = (
    {"deletionTimestamp": "2001-01-01T00:00:00Z"},
    {"deletionGracePeriodSeconds": 5},
    {"deletionGracePeriodSeconds": -1},
    {"creationTimestamp": "2001-01-01T00:00:00Z"},
    {"creationTimestamp": None},
    {"generation": 7},
    {"generation": -1},
    {"selfLink": "/a"},
    {"uid": "own-9"},
    {"resourceVersion": "1"},
    {"resourceVersion": "x"},
    {"resourceVersion": ""},
    {"resourceVersion": "0"},
    {"managedFields": [{}]},
    {"managedFields": []},
    {"namespace": "another"},
    {"name": "another"},
    {"generateName": "another-"},
)
OPTIONS: tuple[dict[str, str], ...] = (
    {"force": "true"},
    {"force": "false"},
    {"dryRun": "All"},
    {"dryRun": "Some"},
    {"dryRun": ""},
    {"fieldValidation": "Strict"},
    {"fieldValidation": "Maybe"},
)


def hostile_writes(seed: int, steps: int = 25) -> Scenario:
    """Return a scenario with writes that the seed decides."""

    async def scenario(api: API) -> None:
        chance = random.Random(f"hostile {seed}")
        kind = KINDS[seed % len(KINDS)]
        held = api.body(kind, f"held-{api.namespace}", metadata={"finalizers": ["example.com/f"]}, **_rest(kind))
        await api.send("POST", api.path(kind), held, fieldManager="writer")
        for _ in range(steps):
            await _write(api, chance, kind)
        await api.delete(kind, f"held-{api.namespace}")
        for _ in range(steps):
            await _write(api, chance, kind)

    return scenario


async def _write(api: API, chance: random.Random, kind: str) -> None:
    metadata = _metadata(chance)
    params = {**_manager(chance), **(chance.choice(OPTIONS) if chance.random() < 0.15 else {})}
    held = f"held-{api.namespace}"
    match chance.choice(("create", "create", "generate", "merge", "json", "apply", "new")):
        case "create":
            name = chance.choice(NAMES) if chance.random() < 0.6 else f"made-{api.namespace}"
            body = api.body(kind, name, metadata=metadata, **_rest(kind))
            made = await api.send("POST", api.path(kind), body, **params)
            await _remove(api, kind, made)
        case "generate":
            body = api.body(kind, "", metadata={"generateName": chance.choice(GENERATED), **metadata}, **_rest(kind))
            await _remove(api, kind, await api.send("POST", api.path(kind), body, **params))
        case "merge":
            await api.send("PATCH", api.path(kind, held), {"metadata": metadata}, MERGE, **params)
        case "json":
            patch = [{"op": "add", "path": f"/metadata/{name}", "value": value} for name, value in metadata.items()]
            await api.send("PATCH", api.path(kind, held), patch, JSON, **params)
        case "apply":
            body = api.body(kind, held, metadata=metadata, **_rest(kind))
            await api.send("PATCH", api.path(kind, held), body, APPLY, **{"force": "true", **params})
        case _:
            name = f"new-{api.namespace}"
            body = api.body(kind, name, metadata=metadata, **_rest(kind))
            await _remove(api, kind, await api.send("PATCH", api.path(kind, name), body, APPLY, **params))


def _rest(kind: str) -> dict[str, Any]:
    """Return what a real server would add by itself."""
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    return {"rules": [rule]} if kind == "ClusterRole" else {}


async def _remove(api: API, kind: str, made: dict[str, Any]) -> None:
    """Delete what was made, so that the next write of that name is a new one."""
    name = made.get("metadata", {}).get("name")
    if name:
        api.quiet = True
        await api.patch(kind, quote(name, safe=""), {"metadata": {"finalizers": None}})
        await api.delete(kind, quote(name, safe=""))
        api.quiet = False


def _metadata(chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if chance.random() < 0.3:
        found["labels"] = {_key(chance): _value(chance)}
    if chance.random() < 0.3:
        found["annotations"] = {_key(chance): chance.choice((*VALUES, "x" * 262_144 if chance.random() < 0.2 else "y"))}
    if chance.random() < 0.3:
        found["finalizers"] = chance.sample(FINALIZERS, chance.choice((1, 1, 2)))
    if chance.random() < 0.3:
        found["ownerReferences"] = chance.choice(OWNERS)
    if chance.random() < 0.2:
        found |= chance.choice(SYSTEM)
    return found


def _key(chance: random.Random) -> str:
    return chance.choice(KEYS) if chance.random() < 0.5 else "good"


def _value(chance: random.Random) -> str:
    return chance.choice(VALUES) if chance.random() < 0.5 else "good"


def _manager(chance: random.Random) -> dict[str, str]:
    name = chance.choice(MANAGERS) if chance.random() < 0.2 else "writer"
    return {} if name is None else {"fieldManager": name}
