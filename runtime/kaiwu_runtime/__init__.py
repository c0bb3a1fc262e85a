"""kaiwu-runtime runs Kubernetes operators written in Python.

    from kaiwu_runtime import Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by

The names are imported when they are first used, so that a program which needs one part does not load the others.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kaiwu_runtime import _lightkube

if TYPE_CHECKING:
    from kaiwu_runtime.api.rbac import rbac
    from kaiwu_runtime.client.client import Client, PatchType
    from kaiwu_runtime.client.owner import set_controller_reference, set_owner_reference
    from kaiwu_runtime.client.reader import Reader
    from kaiwu_runtime.controller.builder import controller_managed_by
    from kaiwu_runtime.controller.reconciler import Reconciler
    from kaiwu_runtime.controller.request import Request, Result
    from kaiwu_runtime.errors import ConflictError, KaiwuError, NotFoundError, TerminalError
    from kaiwu_runtime.manager.manager import Manager
    from kaiwu_runtime.manager.options import ManagerOptions

__version__ = "0.1.0"

__all__ = [
    "Client",
    "ConflictError",
    "KaiwuError",
    "Manager",
    "ManagerOptions",
    "NotFoundError",
    "PatchType",
    "Reader",
    "Reconciler",
    "Request",
    "Result",
    "TerminalError",
    "controller_managed_by",
    "rbac",
    "set_controller_reference",
    "set_owner_reference",
]

_MODULES = {
    "Client": "client.client",
    "ConflictError": "errors",
    "KaiwuError": "errors",
    "Manager": "manager.manager",
    "ManagerOptions": "manager.options",
    "NotFoundError": "errors",
    "PatchType": "client.client",
    "Reader": "client.reader",
    "Reconciler": "controller.reconciler",
    "Request": "controller.request",
    "Result": "controller.request",
    "TerminalError": "errors",
    "controller_managed_by": "controller.builder",
    "rbac": "api.rbac",
    "set_controller_reference": "client.owner",
    "set_owner_reference": "client.owner",
}

_lightkube.defer()


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
