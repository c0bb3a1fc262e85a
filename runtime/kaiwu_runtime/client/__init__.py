"""The API client: typed requests, server-side apply, owner references and finalizers."""

from kaiwu_runtime.client._changes import (
    apply_with_result,
    create_or_update,
    merge_patch,
    patch_changes,
)
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._codec import decode, encode
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
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.rest._transport import Created, Transport

__all__ = [
    "Client",
    "Created",
    "FieldValidation",
    "HTTPTransport",
    "MetadataClient",
    "NamespacedClient",
    "OperationResult",
    "PartialObjectMetadata",
    "PatchType",
    "PropagationPolicy",
    "Reader",
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
