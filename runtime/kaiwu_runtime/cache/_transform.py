"""A user's transform of an object before it is cached."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from kaiwu_runtime._callback import contained, forget_stack
from kaiwu_runtime.cache._list_scope import Transform
from kaiwu_runtime.cache._object import CachedObject

logger = logging.getLogger("kaiwu_runtime.cache.reflector")

_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()


def transformed(raw: bytes, transform: Transform, fields: Mapping[str, str]) -> CachedObject:
    """Return an object as a transform makes it; the whole object when the transform fails.

    Args:
        raw: The object's JSON.
        transform: The user's function.
        fields: What names the collection in logs.

    Raises:
        msgspec.MsgspecError: Not even the metadata is that of a Kubernetes object.
    """
    whole = CachedObject.parse(raw)
    try:
        found = CachedObject.parse(_encoder.encode(transform(_decoder.decode(raw))))
        if not found.is_state_of(whole) or found.key != whole.key:
            raise ValueError("the result has other metadata than the object; keep name, namespace, uid and version")
    except BaseException as error:
        # Kept whole: an object that is missing from the cache would look deleted.
        logger.error(
            "A transform function failed; keeping the whole object",
            extra={**fields, "object": str(whole.key)},
            exc_info=contained(error),
        )
        forget_stack(error)
        return whole
    # A transform that drops managedFields, as many do, is not to hide whose fields they are.
    found.ownership, found.status_appliers = whole.ownership, whole.status_appliers
    return found
