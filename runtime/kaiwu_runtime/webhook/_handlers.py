"""Run a project's defaulters and validators for one request, and convert every outcome to a response."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from kaiwu_runtime import _log as log
from kaiwu_runtime._callback import contained, forget_stack, is_delivered
from kaiwu_runtime._error_text import describe, encodable, one_line
from kaiwu_runtime._redaction import redact
from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.client._codec import decode, encode
from kaiwu_runtime.controller._failure import find
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.webhook._admission import (
    AdmissionDenied,
    AdmissionRequest,
    Defaulter,
    GroupVersionKind,
    Validator,
    Warnings,
)
from kaiwu_runtime.webhook._json_patch import json_patch
from kaiwu_runtime.webhook._merge import merge
from kaiwu_runtime.webhook._review import AdmissionResponse
from kaiwu_runtime.webhook._threads import BoundedThreads, ThreadsBusyError

logger = logging.getLogger("kaiwu_runtime.webhook.handlers")

T = TypeVar("T")
R = TypeVar("R")


class _Name(msgspec.Struct, rename="camel"):
    name: str | None = None
    generate_name: str | None = None


class _Named(msgspec.Struct):
    metadata: _Name = msgspec.field(default_factory=_Name)


_json = msgspec.json.Decoder()
_named = msgspec.json.Decoder(_Named)
_encode = msgspec.json.Encoder().encode
_threads = BoundedThreads("webhook")
_patch_threads = BoundedThreads("webhook patch", 4)  # of its own: a project's code may hold all of the others

_IN_PLACE = 64 * 1024
"""Bytes of an object up to which its patch is made on the event loop."""


class AdmissionHandler(Protocol):
    """Answers the requests of one path."""

    async def __call__(self, request: AdmissionRequest) -> AdmissionResponse:
        """Return the answer.

        Raises:
            AdmissionDenied: The request is rejected.
        """


class DefaultingHandler(Generic[T]):
    """Answers ``/mutate-...``: with the JSON patch of what a defaulter changed.

    Args:
        kind: What the defaulter takes.
        defaulter: The project's.
    """

    def __init__(self, kind: type[T], defaulter: Defaulter[T]) -> None:
        self.kind = kind
        self.defaulter = defaulter

    async def __call__(self, request: AdmissionRequest) -> AdmissionResponse:
        """Return the patch; a deletion has nothing to default."""
        if request.operation not in {"CREATE", "UPDATE"}:
            return AdmissionResponse(allowed=True)
        obj = _decode(self.kind, request, "object")
        try:
            before = encode(obj)
        except ValueError as error:  # a number beyond those of JSON, which the API server would not send
            raise AdmissionDenied(one_line(error), code=422) from error
        default: Callable[..., Any] = self.defaulter.default
        returned = await _call(default, obj, request)
        if returned is not None and returned is not obj:
            raise TypeError(
                f"{type(self.defaulter).__name__}.default returned a {type(returned).__name__}, which is not used: "
                "change the object in place, and return nothing"
            )
        after = encode(obj)
        if before == after:
            return AdmissionResponse(allowed=True)
        if len(request.object) + len(after) < _IN_PLACE:
            patch = _patch(request.object, before, after)
        else:
            # Python code, so the event loop gets its turns between the steps of this thread.
            patch = await _patch_threads.run(_patch, request.object, before, after)
        return AdmissionResponse(allowed=True, patch=patch)


class ValidatingHandler(Generic[T]):
    """Answers ``/validate-...``.

    Args:
        kind: What the validator takes.
        validator: The project's.
    """

    def __init__(self, kind: type[T], validator: Validator[T]) -> None:
        self.kind = kind
        self.validator = validator
        # An object that its type cannot read must not be undeletable because of a method that says nothing.
        self._overridden = {
            "CREATE": type(validator).validate_create is not Validator.validate_create,
            "UPDATE": type(validator).validate_update is not Validator.validate_update,
            "DELETE": type(validator).validate_delete is not Validator.validate_delete,
        }

    async def __call__(self, request: AdmissionRequest) -> AdmissionResponse:
        """Return the validator's warnings, or let it reject the object."""
        if not self._overridden.get(request.operation, False):
            return AdmissionResponse(allowed=True)
        warnings: Warnings
        if request.operation == "CREATE":
            obj = _decode(self.kind, request, "object")
            warnings = await _call(self.validator.validate_create, obj, request)
        elif request.operation == "UPDATE":
            old, new = _decode(self.kind, request, "oldObject"), _decode(self.kind, request, "object")
            warnings = await _call(self.validator.validate_update, old, new, request)
        else:
            obj = _decode(self.kind, request, "oldObject")
            warnings = await _call(self.validator.validate_delete, obj, request)
        if warnings is not None and not (
            isinstance(warnings, list | tuple) and all(isinstance(warning, str) for warning in warnings)
        ):
            raise TypeError(f"{type(self.validator).__name__} returned {warnings!r}: return a list of strings, or None")
        return AdmissionResponse(allowed=True, warnings=list(warnings or ()))


async def answer(
    path: str, handler: AdmissionHandler, request: AdmissionRequest, *, panicked: Callable[[], None] | None = None
) -> AdmissionResponse:
    """Return a handler's answer, or what the failure of its code looks like to the client.

    Args:
        path: Where the request arrived, for the log.
        handler: Answers it.
        request: What is asked.
        panicked: Called when the handler's code fails.

    Raises:
        ThreadsBusyError: The handler's code could not be run in time.
    """
    with log.bound(
        webhook=path,
        namespace=request.namespace,
        name=request.name,
        resource=_dotted(request),
        operation=request.operation,
        requestID=request.uid,
    ):
        try:
            response = await handler(request)
        except AdmissionDenied as denied:
            response = _refusal(request, denied)
            forget_stack(denied)
        except ThreadsBusyError:
            raise
        except BaseException as raised:
            if is_delivered(raised):
                raise  # the server stops; otherwise the handler awaited something that was cancelled
            error = contained(raised)
            refusals = find(error, AdmissionDenied)  # also in a TaskGroup's ExceptionGroup, and as a cause
            if not refusals:
                if panicked is not None:
                    panicked()
                text = describe(error)
                logger.error("Webhook error", extra={"object": _subject(request), "error": text}, exc_info=error)
                forget_stack(error)
                return AdmissionResponse(allowed=False, code=500, message=text)
            response = _refusal(request, refusals[0])
            forget_stack(error)
        logger.debug(
            "Answered an admission request",
            extra={"allowed": response.allowed, "code": response.code, "user": request.user_info.username},
        )
        return response


async def _call(method: Callable[..., Awaitable[R] | R], *args: object) -> R:
    """Call user code: a coroutine function here, a plain one in a thread, where it may block."""
    if inspect.iscoroutinefunction(method):
        return await method(*args)  # type: ignore[no-any-return]
    outcome = await _threads.run(method, *args)
    return await outcome if inspect.isawaitable(outcome) else outcome


def _patch(raw: bytes, before: bytes, after: bytes) -> list[dict[str, Any]]:
    """Return the JSON patch that carries a typed change over to the object that was sent."""
    try:
        document = _json.decode(raw)
        return json_patch(document, merge(document, _json.decode(before), _json.decode(after)))
    except RecursionError:
        raise AdmissionDenied("the object is nested too deeply to be changed", code=422) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AdmissionDenied(f"the object is not valid JSON: {error}", code=422) from error


def _decode(kind: type[T], request: AdmissionRequest, member: str) -> T:
    """Return one of a request's two objects; what does not fit is the client's mistake."""
    data = request.object if member == "object" else request.old_object
    identity = identify(kind)
    wanted = GroupVersionKind(identity.group, identity.version, identity.kind)
    if request.kind != wanted:
        raise AdmissionDenied(
            f"{_api_version(request.kind)} {request.kind.kind or '(no kind)'} was sent to the webhook "
            f"of {identity.api_version} {identity.kind}; correct the rules of its webhook configuration",
            code=400,
        )
    if not data:
        raise AdmissionDenied(f"the AdmissionReview of a {request.operation} has no {member}", code=400)
    try:
        return decode(kind, data)
    except DecodeError as error:
        prefix = "the stored object, " if member == "oldObject" else ""
        raise AdmissionDenied(f"{prefix}{one_line(error)}", code=422) from error


def _refusal(request: AdmissionRequest, denied: AdmissionDenied) -> AdmissionResponse:
    message, details = redact(one_line(denied)), _details(request, denied)
    return AdmissionResponse(allowed=False, code=denied.code, message=message, reason=denied.reason, details=details)


def _details(request: AdmissionRequest, denied: AdmissionDenied) -> dict[str, Any]:
    """Return what is said about the object; nothing without causes or details of the project's."""
    if not denied.causes and not denied.details:
        # kubectl prints the causes instead of the message of an Invalid status that has details.
        return {}
    details = {"name": request.name, "group": request.kind.group, "kind": request.kind.kind, **_further(denied)}
    if denied.causes:
        details["causes"] = [
            {
                "field": encodable(str(cause.field)),
                "message": encodable(redact(str(cause.message))),
                "reason": encodable(str(cause.reason)),
            }
            for cause in denied.causes
        ]
    return details


def _further(denied: AdmissionDenied) -> dict[str, Any]:
    """Return the further members of the details; none if they are not JSON, so that the denial itself arrives."""
    try:
        _encode(denied.details)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        logger.error("Left the details of a denial out: they are not JSON", extra={"error": one_line(error)})
        return {}
    return denied.details


def _subject(request: AdmissionRequest) -> str:
    """Return namespace and name for the log; an object that is still to be named has ``generateName`` at least."""
    if request.name:
        return str(request.key)
    try:
        metadata = _named.decode(request.object or request.old_object).metadata
    except UNREADABLE:
        return str(request.key)
    return str(ObjectKey(request.namespace, metadata.name or f"{metadata.generate_name or ''}..."))


def _api_version(kind: GroupVersionKind) -> str:
    return f"{kind.group}/{kind.version}" if kind.group else kind.version


def _dotted(request: AdmissionRequest) -> str:
    resource = request.resource
    name = f"{resource.resource}/{request.sub_resource}" if request.sub_resource else resource.resource
    return f"{name}.{resource.version}.{resource.group}".rstrip(".")
