"""kaiwu-runtime runs Kubernetes operators written in Python.

    from kaiwu_runtime import Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by

The names are imported when they are first used, so that a program which needs one part does not load the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime import _lightkube
from kaiwu_runtime.lazy_names import lazy_names
from kaiwu_runtime.version import __version__ as __version__

if TYPE_CHECKING:
    from kaiwu_runtime.api.identity import ObjectKey
    from kaiwu_runtime.api.rbac import READ, WRITE, rbac
    from kaiwu_runtime.client.changes import OperationResult, apply_with_result, create_or_update, patch_changes
    from kaiwu_runtime.client.client import Client, PatchType
    from kaiwu_runtime.client.finalizers import add_finalizer, has_finalizer, remove_finalizer
    from kaiwu_runtime.client.metadata import MetadataClient
    from kaiwu_runtime.client.namespaced import NamespacedClient
    from kaiwu_runtime.client.owner import (
        child_of,
        has_controller_reference,
        has_owner_reference,
        remove_owner_reference,
        set_controller_reference,
        set_owner_reference,
    )
    from kaiwu_runtime.client.reader import Reader
    from kaiwu_runtime.client.scale import get_scale, set_scale
    from kaiwu_runtime.clock import Clock
    from kaiwu_runtime.controller.builder import ControllerBuilder, controller_managed_by
    from kaiwu_runtime.controller.object_reconciler import ObjectReconciler
    from kaiwu_runtime.controller.reconciler import Reconciler
    from kaiwu_runtime.controller.request import Request, Result
    from kaiwu_runtime.errors import ConflictError, KaiwuError, NotFoundError, RetryAfter, TerminalError
    from kaiwu_runtime.manager.manager import Manager
    from kaiwu_runtime.manager.options import ManagerOptions
    from kaiwu_runtime.recorder.recorder import EventRecorder


__all__ = [
    "READ",
    "WRITE",
    "Client",
    "Clock",
    "ConflictError",
    "ControllerBuilder",
    "EventRecorder",
    "KaiwuError",
    "Manager",
    "ManagerOptions",
    "MetadataClient",
    "NamespacedClient",
    "NotFoundError",
    "ObjectKey",
    "ObjectReconciler",
    "OperationResult",
    "PatchType",
    "Reader",
    "Reconciler",
    "Request",
    "Result",
    "RetryAfter",
    "TerminalError",
    "add_finalizer",
    "apply_with_result",
    "child_of",
    "controller_managed_by",
    "create_or_update",
    "get_scale",
    "has_controller_reference",
    "has_finalizer",
    "has_owner_reference",
    "patch_changes",
    "rbac",
    "remove_finalizer",
    "remove_owner_reference",
    "set_controller_reference",
    "set_owner_reference",
    "set_scale",
]

_MODULES = {
    "Clock": "clock",
    "EventRecorder": "recorder.recorder",
    "READ": "api.rbac",
    "WRITE": "api.rbac",
    "Client": "client.client",
    "ConflictError": "errors",
    "ControllerBuilder": "controller.builder",
    "KaiwuError": "errors",
    "Manager": "manager.manager",
    "ManagerOptions": "manager.options",
    "MetadataClient": "client.metadata",
    "NamespacedClient": "client.namespaced",
    "NotFoundError": "errors",
    "ObjectKey": "api.identity",
    "ObjectReconciler": "controller.object_reconciler",
    "OperationResult": "client.changes",
    "PatchType": "client.client",
    "Reader": "client.reader",
    "Reconciler": "controller.reconciler",
    "Request": "controller.request",
    "Result": "controller.request",
    "RetryAfter": "errors",
    "TerminalError": "errors",
    "add_finalizer": "client.finalizers",
    "apply_with_result": "client.changes",
    "child_of": "client.owner",
    "controller_managed_by": "controller.builder",
    "create_or_update": "client.changes",
    "get_scale": "client.scale",
    "has_controller_reference": "client.owner",
    "has_finalizer": "client.finalizers",
    "has_owner_reference": "client.owner",
    "patch_changes": "client.changes",
    "rbac": "api.rbac",
    "remove_finalizer": "client.finalizers",
    "remove_owner_reference": "client.owner",
    "set_controller_reference": "client.owner",
    "set_owner_reference": "client.owner",
    "set_scale": "client.scale",
}

_lightkube.defer()

__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
