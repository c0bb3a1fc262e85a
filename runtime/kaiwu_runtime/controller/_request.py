"""The request and the result of a reconcile."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from kaiwu_runtime.api._identity import ObjectKey

Request = ObjectKey
"""The object to look at; it may be gone by now."""


def to_request(given: object, *, namespaced: bool = True) -> Request:
    """Return what a map function or a channel's function gave as the one request of its object.

    Args:
        given: A request; a namespace of None is the empty one.
        namespaced: False for the requests of a cluster-scoped kind, which have no namespace.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(given, ObjectKey):
        namespace, name = given
        if isinstance(name, str):
            if namespace is None or not namespaced:
                return given if namespace == "" else Request("", name)
            if isinstance(namespace, str):
                return given
    raise TypeError(f"{given!r:.200} is not a request: give Request(namespace, name)")


class Result(msgspec.Struct, frozen=True):
    """What happens to a request after a reconcile that raised nothing.

    Attributes:
        requeue_after: Reconcile again after this time, in seconds or as a timedelta; it ends the back-off. None waits
            for the next change. A time that has passed already, so 0 or less, reconciles again with back-off: at once
            would be a hot loop.
    """

    requeue_after: float | timedelta | None = None

    @property
    def seconds(self) -> float:
        """`requeue_after` in seconds; 0 when it is not set."""
        after = self.requeue_after
        if after is None:
            return 0.0
        return after.total_seconds() if isinstance(after, timedelta) else float(after)
