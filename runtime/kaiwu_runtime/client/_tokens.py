"""Tokens of service accounts.

See https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.rest._deep_json import UNREADABLE

MIN_SECONDS = 600
"""The API server gives no token for less."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a service account; the token never shows in a representation.

    Attributes:
        token: The bearer token.
        expires: When it expires; the API server may have chosen another time than the one asked for.
    """

    token: str = field(repr=False)
    expires: datetime


class _Status(msgspec.Struct, rename={"expires": "expirationTimestamp"}):
    token: str
    expires: datetime


class _TokenRequest(msgspec.Struct):
    status: _Status


_decoder = msgspec.json.Decoder(_TokenRequest)


def token_request(audiences: Sequence[str], expiration_seconds: int, bound_to: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the body of a request for a token.

    Raises:
        ValueError: The time is too short, or the object has no name.
        TypeError: The audiences are one string.
    """
    if isinstance(audiences, str):
        raise TypeError(f"create_token: audiences must be a list of strings: [{audiences!r}]")
    if expiration_seconds < MIN_SECONDS:
        raise ValueError(f"create_token: expiration_seconds={expiration_seconds}: use {MIN_SECONDS} or more")
    spec: dict[str, Any] = {"audiences": list(audiences), "expirationSeconds": expiration_seconds}
    if bound_to is not None:
        identity = identify(type(bound_to))
        metadata = bound_to.metadata
        if metadata is None or not metadata.name:
            raise ValueError(f"create_token: bound_to: {identity.kind}: metadata.name is not set")
        spec["boundObjectRef"] = {
            "apiVersion": identity.api_version,
            "kind": identity.kind,
            "name": metadata.name,
            **({"uid": metadata.uid} if metadata.uid else {}),
        }
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


def decode_token(answer: bytes) -> Token:
    """Return the token of an answer.

    Raises:
        DecodeError: There is none in it.
    """
    try:
        status = _decoder.decode(answer).status
    except UNREADABLE:
        # Without the cause: it may quote the answer.
        raise DecodeError("TokenRequest: the API server's answer has no token") from None
    return Token(status.token, status.expires)
