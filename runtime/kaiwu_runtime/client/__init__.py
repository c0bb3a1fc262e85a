"""The API client: typed requests, server-side apply, owner references and finalizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime._lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.client._changes import (
        apply_with_result,
        create_or_update,
        merge_patch,
        patch_changes,
    )
    from kaiwu_runtime.client._client import Client
    from kaiwu_runtime.client._codec import decode, encode
    from kaiwu_runtime.client._exec import ExecResult
    from kaiwu_runtime.client._finalizers import add_finalizer, has_finalizer, remove_finalizer
    from kaiwu_runtime.client._metadata import MetadataClient, PartialObjectMetadata
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
    from kaiwu_runtime.client._request_options import FieldValidation, PatchType, PropagationPolicy
    from kaiwu_runtime.client._scale import get_scale, set_scale
    from kaiwu_runtime.client._service_proxy import ProxyResponse
    from kaiwu_runtime.client._tokens import Token
    from kaiwu_runtime.rest._http_transport import HTTPTransport
    from kaiwu_runtime.rest._transport import Created, Transport

__all__ = [
    "Client",
    "Created",
    "ExecResult",
    "FieldValidation",
    "HTTPTransport",
    "MetadataClient",
    "NamespacedClient",
    "OperationResult",
    "PartialObjectMetadata",
    "PatchType",
    "PropagationPolicy",
    "ProxyResponse",
    "Reader",
    "Token",
    "Transport",
    "add_finalizer",
    "apply_with_result",
    "child_of",
    "create_or_update",
    "decode",
    "encode",
    "get_scale",
    "has_controller_reference",
    "has_finalizer",
    "has_owner_reference",
    "merge_patch",
    "patch_changes",
    "remove_finalizer",
    "remove_owner_reference",
    "set_controller_reference",
    "set_owner_reference",
    "set_scale",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Client": "_client",
        "Created": "kaiwu_runtime.rest._transport",
        "ExecResult": "_exec",
        "FieldValidation": "_request_options",
        "HTTPTransport": "kaiwu_runtime.rest._http_transport",
        "MetadataClient": "_metadata",
        "NamespacedClient": "_namespaced",
        "OperationResult": "_operation_result",
        "PartialObjectMetadata": "_metadata",
        "PatchType": "_request_options",
        "PropagationPolicy": "_request_options",
        "ProxyResponse": "_service_proxy",
        "Reader": "_reader",
        "Token": "_tokens",
        "Transport": "kaiwu_runtime.rest._transport",
        "add_finalizer": "_finalizers",
        "apply_with_result": "_changes",
        "child_of": "_owner",
        "create_or_update": "_changes",
        "decode": "_codec",
        "encode": "_codec",
        "get_scale": "_scale",
        "has_controller_reference": "_owner",
        "has_finalizer": "_finalizers",
        "has_owner_reference": "_owner",
        "merge_patch": "_changes",
        "patch_changes": "_changes",
        "remove_finalizer": "_finalizers",
        "remove_owner_reference": "_owner",
        "set_controller_reference": "_owner",
        "set_owner_reference": "_owner",
        "set_scale": "_scale",
    },
)
