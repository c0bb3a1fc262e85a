"""The API client: credentials, transport, typed requests, owner references and reads from the cache."""

from kaiwu_runtime.client.cached import CachedClient
from kaiwu_runtime.client.client import Client, PatchType
from kaiwu_runtime.client.codec import decode, encode
from kaiwu_runtime.client.http_transport import HTTPTransport
from kaiwu_runtime.client.owner import set_controller_reference, set_owner_reference
from kaiwu_runtime.client.reader import Reader
from kaiwu_runtime.client.transport import Transport

__all__ = [
    "CachedClient",
    "Client",
    "HTTPTransport",
    "PatchType",
    "Reader",
    "Transport",
    "decode",
    "encode",
    "set_controller_reference",
    "set_owner_reference",
]
