"""AdmissionReview, version 1: bytes to a request, and a response to bytes.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kaiwu_runtime._error_text import encodable
from kaiwu_runtime._status import REASONS
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.webhook._admission import (
    AdmissionRequest,
    GroupVersionKind,
    GroupVersionResource,
    Operation,
    UserInfo,
)

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"


class _Kind(msgspec.Struct):
    group: str = ""
    version: str = ""
    kind: str = ""


class _Resource(msgspec.Struct):
    group: str = ""
    version: str = ""
    resource: str = ""


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: list[str] | None = None
    extra: dict[str, list[str] | None] | None = None


class _Request(msgspec.Struct, rename="camel"):
    uid: str
    operation: Operation
    kind: _Kind
    resource: _Resource
    namespace: str = ""
    name: str = ""
    sub_resource: str = ""
    request_kind: _Kind | None = None
    request_resource: _Resource | None = None
    request_sub_resource: str = ""
    user_info: _User = msgspec.field(default_factory=_User)
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")
    options: msgspec.Raw = msgspec.Raw(b"null")


class _Header(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    request: msgspec.Raw = msgspec.Raw(b"null")


_NULL = msgspec.Raw(b"null")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_header_decoder = msgspec.json.Decoder(_Header)
_request_decoder = msgspec.json.Decoder(_Request)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionResponse:
    """The response to one request.

    Attributes:
        allowed: Whether the write is allowed.
        message: The reason of a denial, in one line.
        code: HTTP status of a denial.
        reason: Reason of the Status object; empty derives it from the code.
        details: ``details`` of the Status object.
        warnings: Lines for the user.
        patch: JSON patch operations that make the object what it should be.
    """

    allowed: bool
    message: str = ""
    code: int = 0
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    patch: list[dict[str, Any]] = field(default_factory=list)


def open_review(body: bytes | bytearray, api_version: str, kind: str) -> msgspec.Raw:
    """Return the ``request`` member of a review, admission's or conversion's.

    Args:
        body: What was posted.
        api_version: The apiVersion it must have.
        kind: The kind it must have.

    Raises:
        DecodeError: It is no such review, or it has no request.
    """
    try:
        header = _header_decoder.decode(body)
    except UNREADABLE as error:
        raise DecodeError(f"the body is not a valid {kind}: {error}") from error
    if (header.api_version, header.kind) != (api_version, kind):
        raise DecodeError(
            f"the body is {header.kind or 'an object without kind'} ({header.api_version or 'no apiVersion'}): "
            f"{kind} ({api_version}) is answered here"
        )
    if header.request == _NULL:
        raise DecodeError(f"the {kind} has no request")
    return header.request


def decode_review(body: bytes | bytearray) -> AdmissionRequest:
    """Return the request in an AdmissionReview.

    Raises:
        DecodeError: The body is none.
    """
    try:
        found = _request_decoder.decode(open_review(body, API_VERSION, KIND))
    except UNREADABLE as error:
        raise DecodeError(f"the request of the {KIND}: {error}") from error
    if not found.uid:
        raise DecodeError(f"the request of the {KIND} has no uid")
    user = found.user_info
    return AdmissionRequest(
        uid=found.uid,
        operation=found.operation,
        namespace=found.namespace,
        name=found.name,
        kind=_kind(found.kind),
        resource=_resource(found.resource),
        sub_resource=found.sub_resource,
        request_kind=_kind(found.request_kind or found.kind),
        request_resource=_resource(found.request_resource or found.resource),
        request_sub_resource=found.request_sub_resource,
        user_info=UserInfo(
            username=user.username,
            uid=user.uid,
            groups=tuple(user.groups or ()),
            extra={name: values or [] for name, values in (user.extra or {}).items()},
        ),
        dry_run=bool(found.dry_run),
        object=_document(found.object),
        old_object=_document(found.old_object),
        options=_document(found.options),
    )


def encode_review(uid: str, response: AdmissionResponse) -> bytes:
    """Return the AdmissionReview that answers a request.

    Args:
        uid: The request's.
        response: The answer.
    """
    # A denial that cannot be written would let the request pass where the failure policy is Ignore.
    answer: dict[str, Any] = {"uid": uid, "allowed": response.allowed}
    if not response.allowed:
        answer["status"] = {
            "status": "Failure",
            "code": response.code,
            "message": encodable(response.message),
            "reason": encodable(response.reason) or REASONS.get(response.code, ""),
            **({"details": response.details} if response.details else {}),
        }
    if response.warnings:
        answer["warnings"] = [_header_text(warning) for warning in response.warnings]
    if response.patch:
        answer["patchType"] = "JSONPatch"
        answer["patch"] = base64.b64encode(_encoder.encode(response.patch)).decode("ascii")
    return _encoder.encode({"apiVersion": API_VERSION, "kind": KIND, "response": answer})


def _header_text(warning: str) -> str:
    """Return a warning without the control characters, line breaks among them, for which the API server drops it."""
    return " ".join(_CONTROLS.sub(" ", encodable(warning)).split())


def _kind(found: _Kind) -> GroupVersionKind:
    return GroupVersionKind(found.group, found.version, found.kind)


def _resource(found: _Resource) -> GroupVersionResource:
    return GroupVersionResource(found.group, found.version, found.resource)


def _document(raw: msgspec.Raw) -> bytes:
    document = bytes(raw)
    return b"" if document == b"null" else document
