"""What a reconciler is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kaiwu_runtime.api.identity import ObjectKey


@dataclass(frozen=True, slots=True)
class Request:
    """The object to look at. Never what happened to it: a reconciler acts on the present state.

    Attributes:
        namespace: Empty for a cluster-scoped object.
        name: The object's name.
    """

    namespace: str
    name: str

    @property
    def key(self) -> ObjectKey:
        """The same as a key of a cache."""
        return ObjectKey(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Result:
    """What happens to a request after a reconcile that raised nothing.

    Attributes:
        requeue: Try again with back-off.
        requeue_after: Try again after this time: seconds or a timedelta. Wins over `requeue` and ends the back-off.
            A time that has passed already, so 0 or less, is the same as `requeue`: at once would be a hot loop.
    """

    requeue: bool = False
    requeue_after: float | timedelta | None = None

    @property
    def seconds(self) -> float:
        """`requeue_after` in seconds; 0 when it is not set."""
        after = self.requeue_after
        if after is None:
            return 0.0
        return after.total_seconds() if isinstance(after, timedelta) else float(after)
