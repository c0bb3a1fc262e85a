"""Convert custom resources between the versions of a kind: every version to and from one hub.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec

from kaiwu_runtime import _log as log
from kaiwu_runtime._callback import contained, forget_stack
from kaiwu_runtime._error_text import describe as describe_error
from kaiwu_runtime._error_text import encodable, one_line
from kaiwu_runtime.api._identity import ResourceIdentity, identify
from kaiwu_runtime.client._codec import describe, encode
from kaiwu_runtime.errors import ConfigurationError, ConversionError, DecodeError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.webhook._decoded_size import decoded_bytes, decoded_limit
from kaiwu_runtime.webhook._half_empty import decode_half_empty
from kaiwu_runtime.webhook._review import open_review

logger = logging.getLogger("kaiwu_runtime.webhook.conversion")

API_VERSION = "apiextensions.k8s.io/v1"
KIND = "ConversionReview"
PATH = "/convert"

_SLICE_SECONDS = 0.005
"""How long objects are converted before other requests get their turn: a LIST sends all its objects in one review."""

_SMALL = 64 * 1024
"""Bytes that can take little memory and time whatever they hold."""

_SPARSE = 16
"""Bytes of a review for each comma, from which on a list of its objects takes little memory whatever they are."""

_FEW = 20
"""Objects of a review that does not wait for others."""

_MANY_AT_ONCE = 4
"""Larger reviews that are answered at the same time, each with slices of its own."""

_ANSWER = b'{"apiVersion":"%s","kind":"%s","response":{"uid":' % (API_VERSION.encode(), KIND.encode())

H = TypeVar("H")
S = TypeVar("S")


class Convertible(Protocol[H]):
    """A version of a kind with methods that convert it to and from the hub version."""

    def convert_to(self) -> H:
        """Return the same object in the hub version."""

    @classmethod
    def convert_from(cls, hub: H, /) -> Self:
        """Return an object of the hub version in this version."""


@dataclass(frozen=True, slots=True)
class Spoke(Generic[S, H]):
    """A version of a kind and its way to the hub.

    Attributes:
        kind: The version's type.
        to_hub: Returns the object in the hub version.
        from_hub: Returns an object of the hub version in this one.
    """

    kind: type[S]
    to_hub: Callable[[S], H]
    from_hub: Callable[[H], S]


@dataclass(slots=True)
class _Versions:
    """The versions of one kind, by apiVersion."""

    hub: type[Any]
    spokes: dict[str, Spoke[Any, Any]] = field(default_factory=dict)


class _Request(msgspec.Struct):
    uid: str
    desired: str = msgspec.field(name="desiredAPIVersion")
    objects: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _Outline(msgspec.Struct):
    api_version: str = msgspec.field(name="apiVersion")


class _OutlineRequest(msgspec.Struct):
    objects: list[_Outline] = msgspec.field(default_factory=list)


class _Object(msgspec.Struct):
    kind: str = ""
    api_version: str = msgspec.field(name="apiVersion", default="")
    metadata: dict[str, msgspec.Raw] | None = None


_request_decoder = msgspec.json.Decoder(_Request)
_outline_decoder = msgspec.json.Decoder(_OutlineRequest)
_object_decoder = msgspec.json.Decoder(_Object)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


class Conversions:
    """The kinds of a manager that have several versions.

    Attributes:
        decoded_limit: Maximum memory of one object that is converted, in bytes.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Versions] = {}
        self.decoded_limit = decoded_limit(None)
        self._many = asyncio.Semaphore(_MANY_AT_ONCE)

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def crds(self) -> tuple[str, ...]:
        """Return the names of the CRDs whose objects are converted."""
        hubs = [identify(versions.hub) for versions in self._kinds.values()]
        return tuple(sorted(f"{hub.plural}.{hub.group}" for hub in hubs))

    def add(self, hub: type[H], *spokes: Spoke[Any, H]) -> None:
        """Register the versions of a kind.

        Args:
            hub: The version all others are converted to and from; the stored one, most often.
            spokes: The others.

        Raises:
            ConfigurationError: The kind is registered already, or the types are not versions of one kind.
        """
        identity = identify(hub)
        key = identity.group, identity.kind
        if key in self._kinds:
            raise ConfigurationError(
                f"{identity.kind} ({identity.group}) has the hub {identify(self._kinds[key].hub).version} already"
            )
        versions = _Versions(hub)
        for spoke in spokes:
            other = identify(spoke.kind)
            if (other.group, other.kind) != key:
                raise ConfigurationError(f"{other} is not a version of {identity}: group and kind must be the same")
            if other.version == identity.version or other.api_version in versions.spokes:
                raise ConfigurationError(f"{identity.kind}: two types are version {other.version}")
            versions.spokes[other.api_version] = spoke
        self._kinds[key] = versions

    async def answer(self, body: bytes | bytearray) -> list[bytes]:
        """Return the ConversionReview that answers one: all objects converted, or a message and none.

        Other requests get their turn while it works.

        Args:
            body: What was posted.

        Returns:
            The pieces of the answer, in order: joined, they would take its size in memory once more.

        Raises:
            DecodeError: It is not a ConversionReview.
        """
        request = _decode_request(body)
        uid = _encoder.encode(request.uid)
        if len(request.objects) <= _FEW:
            return await self._answer(request, uid)
        async with self._many:
            return await self._answer(request, uid)

    async def _answer(self, request: _Request, uid: bytes) -> list[bytes]:
        pieces = [_ANSWER, uid, b',"convertedObjects":[']
        try:
            began = time.perf_counter()
            request.objects.reverse()
            while request.objects:  # each goes when it is converted: a small one takes less than its place in the list
                pieces += (self.convert(bytes(request.objects.pop()), request.desired), b",")
                if time.perf_counter() - began > _SLICE_SECONDS:
                    await asyncio.sleep(0)
                    began = time.perf_counter()
        except ConversionError as error:
            _log(error, request.uid)
            forget_stack(error)
            failure = {"status": "Failure", "message": encodable(str(error))}
            return [_ANSWER, uid, b',"result":', _encoder.encode(failure), b"}}"]
        if pieces[-1] == b",":
            pieces.pop()
        pieces.append(b'],"result":{"status":"Success"}}}')
        return pieces

    def convert(self, data: bytes, desired: str) -> bytes:
        """Return an object's JSON in another version.

        The metadata stays as it is; labels and annotations are those that the conversion sets, if it sets any.

        Args:
            data: The object's JSON.
            desired: The apiVersion wanted.

        Raises:
            ConversionError: A version is not known, the object does not fit its type, or the conversion failed.
        """
        if len(data) > _SMALL and decoded_bytes(data, self.decoded_limit) > self.decoded_limit:
            raise ConversionError(f"an object holds too many values to be converted to {desired}")
        try:
            header = _object_decoder.decode(data)
        except UNREADABLE as error:
            raise ConversionError(f"an object to convert is not valid: {error}") from error
        if header.api_version == desired:
            return data
        group = header.api_version.rpartition("/")[0]
        versions = self._kinds.get((group, header.kind))
        if versions is None:
            raise ConversionError(f"{header.kind} ({header.api_version}): no conversion of this kind is registered")
        source, target = (_type(versions, version) for version in (header.api_version, desired))
        name = describe(source, data)
        with log.bound(object=name, desired=desired):
            try:
                converted = _through_hub(versions, source, target, decode_half_empty(source, data))
                return _assemble(encode(converted), header, identify(target))
            except DecodeError as error:
                raise ConversionError(one_line(error)) from error
            except BaseException as raised:  # noqa: BLE001 - see callback
                reason = contained(raised)
                raise ConversionError(f"{name} to {desired}: {describe_error(reason)}") from reason


def _decode_request(body: bytes | bytearray) -> _Request:
    request = open_review(body, API_VERSION, KIND)
    try:
        if len(body) > _SMALL and body.count(b",") * _SPARSE > len(body):
            # A number takes 2 bytes there and 64 in a list: the first item that is not an object is an error here.
            _outline_decoder.decode(request)
        return _request_decoder.decode(request)
    except UNREADABLE as error:
        raise DecodeError(f"the request of the {KIND}: {error}") from error


def _log(error: ConversionError, uid: str) -> None:
    """Log a failure: a function that raised with its stack, an object that does not fit in a line."""
    fields = {"error": str(error), "requestID": uid}
    if isinstance(error.__cause__, DecodeError):
        logger.error("Conversion error", extra=fields)
    elif error.__cause__ is None or isinstance(error.__cause__, msgspec.MsgspecError | ValueError | RecursionError):
        logger.debug("Conversion error", extra=fields)  # what no API server sends
    else:
        logger.error("Conversion error", extra=fields, exc_info=error)


def _type(versions: _Versions, api_version: str) -> type[Any]:
    hub = identify(versions.hub)
    if api_version == hub.api_version:
        return versions.hub
    spoke = versions.spokes.get(api_version)
    if spoke is None:
        known = ", ".join(sorted([hub.api_version, *versions.spokes]))
        raise ConversionError(f"{hub.kind}: version {api_version!r} is not known; known are {known}")
    return spoke.kind


def _through_hub(versions: _Versions, source: type[Any], target: type[Any], obj: object) -> object:
    if source is not versions.hub:
        obj = _checked(versions.spokes[identify(source).api_version].to_hub(obj), versions.hub)
    if target is not versions.hub:
        obj = _checked(versions.spokes[identify(target).api_version].from_hub(obj), target)
    return obj


def _checked(obj: object, kind: type[Any]) -> object:
    if not isinstance(obj, kind):
        raise TypeError(f"the conversion returned {type(obj).__qualname__} instead of {kind.__qualname__}")
    return obj


def _assemble(converted: bytes, original: _Object, target: ResourceIdentity) -> bytes:
    """Put the original's metadata into the converted object, for the API server rejects any other."""
    members: dict[str, Any] = dict(_members.decode(converted))
    metadata = dict(original.metadata or {})
    own = _members.decode(members.get("metadata", b"{}"))
    for name in ("labels", "annotations"):
        if name in own:
            metadata[name] = own[name]
    members["apiVersion"], members["kind"] = target.api_version, target.kind
    return _encoder.encode({**members, "metadata": metadata})
