"""Own writes that the cache does not have yet, so that a read can wait for them.

A watch brings a write back within milliseconds, and a reconciler may be faster. One that decides by a state that is
older than its own write repeats what it did: sends a command twice, creates a second object under a generated name.

The resourceVersions of one resource can be compared as numbers. A version that is not a number is not waited for.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterable

from kaiwu_runtime._clock import monotonic
from kaiwu_runtime._unsigned import unsigned
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._store import Store

WAIT_SECONDS = 10.0
"""How long a read waits. A watch that is behind for so long is cut or blocked: the reconcile fails and is retried."""

KEPT_SECONDS = 180.0
"""How long a write is waited for altogether. An object that was deleted while its watch was cut never comes back."""

_MOST_EARLY = 4096
"""Maximum number of writes that are kept while there was no list yet: it may never come."""

_MOST_DELETED = 1024
"""Maximum number of deletions that are remembered: an answer is late by seconds, not by thousands of deletions."""

_MOST_IN_DOUBT = 4096
"""Maximum number of objects that are kept in doubt: those that are never read stay so."""

_DELETED = -1
"""Instead of a version: the object is to go."""

_IN_DOUBT = -2
"""Instead of a version: it is not known what was stored, and a read has to ask the API server first."""

_LEAVES = "leaves"
"""Instead of a uid: the object is to go from a cache whose selector it does not match any more, and exists."""


Pending = tuple[int, str, float]
"""What is waited for, and until when."""


class OwnWrites:
    """The objects of one kind that were written, and have not been seen since.

    Args:
        store: What has been seen.

    Attributes:
        pending: The objects, each with what is waited for and until when; empty nearly always.
        complete: Whether the first list is there. A list that takes a while may be older than a write.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.complete = False
        self.pending: dict[ObjectKey, Pending] = {}
        self._waiters: dict[ObjectKey, list[asyncio.Future[None]]] = {}
        self._deletions: dict[ObjectKey, str] = {}
        self._lists: dict[str, int] = {}

    def expect(self, key: ObjectKey, version: str) -> None:
        """Wait for a state of an object from now on, unless it or a later one is there already.

        Args:
            key: The object.
            version: Its resourceVersion in the answer to the write.
        """
        present = self._store.get(key)
        if present is not None and present.resource_version == version:
            return
        number = unsigned(version)
        if number is None:
            return
        if number <= (self._gone_at(key) if present is None else unsigned(present.resource_version) or 0):
            return
        pending = self.pending.get(key)
        if pending is None or pending[0] < number:
            self._keep(key, number, "")

    def doubt(self, key: ObjectKey) -> None:
        """Let a read of an object find out first what is stored: a write to it was sent, and its answer was lost.

        Nothing that is seen or answered meanwhile ends the doubt: it may be older than that write. Time does not end it
        either: after a long outage the first read may come before the watch does. What ends it is an answer to a
        question, or to another write, that began after it: see `settle`. An answer to one that began before makes it a
        new doubt: the API server may have been asked before that write.
        """
        self._arrived(key)  # a read that waits has to ask as well
        if len(self.pending) >= _MOST_IN_DOUBT:
            oldest = next((each for each in self.pending if self._is_in_doubt(each)), None)
            if oldest is not None:
                self._arrived(oldest)
        self.pending[key] = _IN_DOUBT, "", math.inf

    def in_doubt(self, key: ObjectKey) -> Pending | None:
        """Return the latest doubt about an object, to be given to `settle`; None if there is none any more."""
        return self.pending.get(key) if self._is_in_doubt(key) else None

    def settle(self, key: ObjectKey, doubt: Pending) -> bool:
        """End a doubt after the API server has told what is stored; False if it ended, or there is another since."""
        if self.pending.get(key) is not doubt:
            return False
        self._arrived(key)
        return True

    def expect_leave(self, key: ObjectKey, version: str) -> None:
        """Wait for an object to leave the selector of the cache from now on, if it is there, or is about to come.

        Args:
            key: The object.
            version: Its resourceVersion in the answer to the write, after which it does not match.
        """
        number = unsigned(version)
        if number is None or (self.complete and key not in self.pending and self._store.get(key) is None):
            return
        self.expect(key, version)
        pending = self.pending.get(key)
        if pending is not None and pending[0] == number:
            self.pending[key] = number, _LEAVES, pending[2]

    def expect_gone(self, key: ObjectKey, uid: str = "") -> None:
        """Wait for an object to go from now on, if it is there, or may be in the first list.

        Args:
            key: The object.
            uid: Its uid; empty if it is not known.
        """
        present = self._store.get(key)
        if self._is_in_doubt(key):
            self.doubt(key)
        elif present is not None and uid in {"", present.uid}:
            self._keep(key, _DELETED, present.uid)
        elif present is None and uid and (not self.complete or self._is_to_come(key)):
            self._keep(key, _DELETED, uid)
        else:  # not there, or created again before the answer to the deletion came
            self._arrived(key)

    def expect_absent(self, key: ObjectKey, version: str) -> None:
        """Wait for an object to go from now on, if it is there.

        Args:
            key: The object.
            version: The resourceVersion of a list that lacks it: what is newer was created since.
        """
        present = self._store.get(key)
        if present is not None and (unsigned(present.resource_version) or 0) <= (unsigned(version) or math.inf):
            self.expect_gone(key, present.uid)

    def seen(self, obj: CachedObject) -> None:
        """Take note of a state that is in the store now."""
        pending = self.pending.get(obj.key)
        if pending is None:
            return
        number, uid, _ = pending
        if number == _IN_DOUBT:
            return
        if number == _DELETED:
            if obj.uid != uid:
                self._arrived(obj.key)
        elif (unsigned(obj.resource_version) or number) >= number:
            self._arrived(obj.key)

    def gone(self, obj: CachedObject) -> None:
        """Take note of a deletion."""
        self._deletions.pop(obj.key, None)  # or it would keep its place in the order
        if len(self._deletions) >= _MOST_DELETED:
            del self._deletions[next(iter(self._deletions))]
        self._deletions[obj.key] = obj.resource_version
        self.seen(obj)
        pending = self.pending.get(obj.key)
        if pending is not None and (pending[0] == _DELETED or pending[1] == _LEAVES):
            self._arrived(obj.key)

    def listed(self, namespace: str, version: str, besides: Collection[str] = (), *, first: bool = False) -> None:
        """Take note of a list that is in the store now.

        An object that a list lacks although the list is as new as the write to it was deleted since. The watch that
        would have said so was cut.

        Args:
            namespace: Of the list; empty for all.
            version: The list's resourceVersion; empty where it is not known.
            besides: Namespaces that were not listed.
            first: It is the first list of them: what was to leave, and is not there, was not there before either.
        """
        listed = self._lists[namespace] = unsigned(version) or 0
        self._deletions = {key: at for key, at in self._deletions.items() if namespace and key.namespace != namespace}
        for key in self.missing_in(namespace):
            if key.namespace in besides:
                continue
            number, uid, _ = self.pending[key]
            present = self._store.get(key)
            if present is not None:
                self.seen(present)
            elif number == _IN_DOUBT:
                continue
            elif number <= listed or (first and uid == _LEAVES):  # also a deletion
                self._arrived(key)

    def missing(self, key: ObjectKey) -> list[ObjectKey]:
        """Return the object, as a list, if a write to it has not been seen yet."""
        return [key] if key in self.pending else []

    def is_pending(self, key: ObjectKey) -> bool:
        """Return whether a write to an object has not been seen yet, and is still waited for."""
        pending = self.pending.get(key)
        return pending is not None and pending[2] >= monotonic()

    def missing_in(self, namespace: str) -> list[ObjectKey]:
        """Return the objects of a namespace (empty: of all) whose writes have not been seen yet."""
        return [key for key in self.pending if not namespace or key.namespace == namespace]

    async def wait(self, keys: Iterable[ObjectKey], seconds: float) -> ObjectKey | None:
        """Return when the writes to some objects have been seen: None, or an object that was not seen in time.

        An object in doubt is not waited for: see `in_doubt`.

        Args:
            keys: The objects.
            seconds: How long to wait.
        """
        try:
            async with asyncio.timeout(seconds):
                for key in keys:
                    while (pending := self.pending.get(key)) is not None and pending[0] != _IN_DOUBT:
                        if pending[2] < monotonic():
                            self._arrived(key)
                            break
                        await self._next(key)
        except TimeoutError:
            return key
        return None

    async def _next(self, key: ObjectKey) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, []).append(waiter)
        try:
            await waiter
        finally:
            waiters = self._waiters.get(key)
            if waiters is not None and waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[key]

    def _gone_at(self, key: ObjectKey) -> int:
        """Return as of which version an object is known not to be there: an answer may come after all its events."""
        deleted = unsigned(self._deletions.get(key, "")) or 0
        return max(deleted, self._lists.get(key.namespace, self._lists.get("", 0)))

    def _is_to_come(self, key: ObjectKey) -> bool:
        """Return whether an object that is not there has been written: its events come, and that of its end last."""
        pending = self.pending.get(key)
        return pending is not None and pending[0] >= 0 and pending[1] != _LEAVES

    def _is_in_doubt(self, key: ObjectKey) -> bool:
        pending = self.pending.get(key)
        return pending is not None and pending[0] == _IN_DOUBT

    def _keep(self, key: ObjectKey, number: int, uid: str) -> None:
        if self._is_in_doubt(key):
            self.doubt(key)
            return
        if not self.complete and len(self.pending) >= _MOST_EARLY:
            self._arrived(next(iter(self.pending)))
        self.pending[key] = number, uid, monotonic() + KEPT_SECONDS

    def _arrived(self, key: ObjectKey) -> None:
        self.pending.pop(key, None)
        if self._waiters:
            for waiter in self._waiters.pop(key, ()):
                if not waiter.done():
                    waiter.set_result(None)


def is_comparable(version: str) -> bool:
    """Return whether a resourceVersion can be waited for."""
    return unsigned(version) is not None
