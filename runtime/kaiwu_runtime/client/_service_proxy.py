"""Requests to pods and Services through the API server.

See https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from kaiwu_runtime._status import error_from_status
from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.rest._paths import object_path
from kaiwu_runtime.rest._raw_transport import Answer

_KINDS = ("Pod", "Service", "Node")
_STATUS = ("Unauthorized", "Forbidden", "NotFound")
_status = msgspec.json.Decoder(dict[str, Any])


class ProxyResponse(NamedTuple):
    """What a pod or a Service answered.

    Attributes:
        status: HTTP status code; 503 as well when the API server cannot reach it.
        body: The body.
        headers: Names in lower case, with their values.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode(errors="replace")

    def header(self, name: str) -> str | None:
        """Return a header's first value, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)


def proxy_path(
    identity: ResourceIdentity, namespace: str, name: str, *, port: int | str, scheme: str, path: str
) -> str:
    """Return the path of a request through the API server.

    Raises:
        ValueError: The kind has no proxy, or a value is not valid.
    """
    if identity.group or identity.kind not in _KINDS:
        raise ValueError(f"proxy: {identity.kind} has no proxy: use {', '.join(_KINDS)}")
    if scheme not in {"", "http", "https"}:
        raise ValueError(f"proxy: invalid scheme {scheme!r}: use http or https")
    text = str(port)
    if any(not (letter.isascii() and (letter.isalnum() or letter == "-")) for letter in text):
        raise ValueError(f"proxy: invalid port {port!r}: use a number, or the name of a Service's port")
    if any(character < " " or character == "\x7f" for character in path):
        raise ValueError(f"proxy: invalid path {path!r}: it has a control character")
    # The API server reads `scheme:name:port`; without a port it is the only one, or the first of a pod.
    base = object_path(identity, namespace, name, "proxy")
    if scheme or text:
        whole = f"{scheme}:{name}:{text}" if scheme else f"{name}:{text}"
        base = base.removesuffix(f"/{name}/proxy") + f"/{whole}/proxy"
    # A query belongs to params; dots lead nowhere above the proxied path.
    inner = "/".join(quote(part, safe=":@!$&'()*+,;=~") for part in path.removeprefix("/").split("/"))
    if any(part in {".", ".."} for part in inner.split("/")):
        raise ValueError(f"proxy: invalid path {path!r}: it has a . or .. in it")
    return f"{base}/{inner}"


def proxied(answer: Answer, identity: ResourceIdentity, name: str) -> ProxyResponse:
    """Return an answer, unless it is the API server's own rejection.

    Raises:
        APIStatusError: The API server does not know the object, or does not permit the request.
    """
    refused = _refusal(answer, identity, name)
    if refused is not None:
        raise refused
    return ProxyResponse(answer.status, answer.body, answer.headers)


def _refusal(answer: Answer, identity: ResourceIdentity, name: str) -> APIStatusError | None:
    if answer.status not in {401, 403, 404}:
        return None
    try:
        status = _status.decode(answer.body)
    except UNREADABLE:
        return None
    if status.get("kind") != "Status" or status.get("reason") not in _STATUS:
        return None
    details = status.get("details")
    about = details if isinstance(details, dict) else {}
    # A pod may be an API server itself; its rejection is about another object.
    if answer.status != 401 and (about.get("kind") != identity.plural or name not in str(about.get("name")).split(":")):
        return None
    return error_from_status(status, code=answer.status)
