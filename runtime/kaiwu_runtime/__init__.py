"""kaiwu-runtime runs Kubernetes operators written in Python.

    from kaiwu_runtime import Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by

The names are imported when they are first used, so that a program which needs one part does not load the others.
"""

from __future__ import annotations

from kaiwu_runtime import _lightkube
from kaiwu_runtime._lazy_names import lazy_names
from kaiwu_runtime._version import __version__ as __version__

# Not typing's, whose import takes most of the time until a command line can report Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from kaiwu_runtime._clock import Clock
    from kaiwu_runtime.api._identity import ObjectKey
    from kaiwu_runtime.api._rbac import READ, WRITE, rbac
    from kaiwu_runtime.client._changes import apply_with_result, create_or_update, patch_changes
    from kaiwu_runtime.client._client import Client
    from kaiwu_runtime.client._finalizers import add_finalizer, has_finalizer, remove_finalizer
    from kaiwu_runtime.client._metadata import MetadataClient
    from kaiwu_runtime.client._namespaced import NamespacedClient
    from kaiwu_runtime.client._operation_result import OperationResult
    from kaiwu_runtime.client._owner import (
        child_of,
        has_controller_reference,
        has_owner_reference,
        remove_owner_reference,
        set_controller_reference,
        set_owner_reference,
    )
    from kaiwu_runtime.client._reader import Reader
    from kaiwu_runtime.client._request_options import PatchType
    from kaiwu_runtime.client._scale import get_scale, set_scale
    from kaiwu_runtime.controller._builder import ControllerBuilder, controller_managed_by
    from kaiwu_runtime.controller._object_reconciler import ObjectReconciler
    from kaiwu_runtime.controller._reconciler import Reconciler
    from kaiwu_runtime.controller._request import Request, Result
    from kaiwu_runtime.errors import ConflictError, KaiwuError, NotFoundError, RetryAfter, TerminalError
    from kaiwu_runtime.manager._manager import Manager
    from kaiwu_runtime.manager._options import ManagerOptions
    from kaiwu_runtime.recorder._recorder import EventRecorder


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
    "Clock": "_clock",
    "EventRecorder": "recorder._recorder",
    "READ": "api._rbac",
    "WRITE": "api._rbac",
    "Client": "client._client",
    "ConflictError": "errors",
    "ControllerBuilder": "controller._builder",
    "KaiwuError": "errors",
    "Manager": "manager._manager",
    "ManagerOptions": "manager._options",
    "MetadataClient": "client._metadata",
    "NamespacedClient": "client._namespaced",
    "NotFoundError": "errors",
    "ObjectKey": "api._identity",
    "ObjectReconciler": "controller._object_reconciler",
    "OperationResult": "client._operation_result",
    "PatchType": "client._request_options",
    "Reader": "client._reader",
    "Reconciler": "controller._reconciler",
    "Request": "controller._request",
    "Result": "controller._request",
    "RetryAfter": "errors",
    "TerminalError": "errors",
    "add_finalizer": "client._finalizers",
    "apply_with_result": "client._changes",
    "child_of": "client._owner",
    "controller_managed_by": "controller._builder",
    "create_or_update": "client._changes",
    "get_scale": "client._scale",
    "has_controller_reference": "client._owner",
    "has_finalizer": "client._finalizers",
    "has_owner_reference": "client._owner",
    "patch_changes": "client._changes",
    "rbac": "api._rbac",
    "remove_finalizer": "client._finalizers",
    "remove_owner_reference": "client._owner",
    "set_controller_reference": "client._owner",
    "set_owner_reference": "client._owner",
    "set_scale": "client._scale",
}

_lightkube.load()

__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
