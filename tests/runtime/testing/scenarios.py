"""The scenarios by name, and what they share. Each only acts; its answers are what is compared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .api import API

Scenario = Callable[[API], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


def condition(kind: str, status: str = "True") -> dict[str, str]:
    time = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": status, "reason": "Tested", "message": "", "lastTransitionTime": time}


def owner(uid: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "name": uid, "uid": f"own-{uid}", **more}
