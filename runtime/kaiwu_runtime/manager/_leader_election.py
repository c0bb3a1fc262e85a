"""Leader election on a Lease: at most one of several replicas runs the controllers.

The rules and timings are client-go's. A candidate trusts no clock but its own: it remembers when it last saw the
Lease change, and takes it over when that is longer ago than the lease's duration. The leader renews from a thread
with an event loop of its own, so that a reconciler which blocks the manager's loop does not cost the leadership; and
when it cannot renew in time the process ends, before another replica may act.

See https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from lightkube.resources.coordination_v1 import Lease

from kaiwu_runtime import _clock as clock
from kaiwu_runtime import _log as log
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import AlreadyExistsError, APIError, ConflictError, ForbiddenError, KaiwuError
from kaiwu_runtime.manager._lease_lock import LeaseLock

logger = logging.getLogger("kaiwu_runtime.manager.leader_election")

RELEASE_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class LeaseTimings:
    """How fast leadership moves, in seconds.

    Attributes:
        lease: How long others wait after the last renewal they observed.
        renew: How long the leader retries a renewal before it gives up; shorter than `lease`.
        retry: Pause between two attempts.
    """

    lease: float = 15.0
    renew: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not math.inf > self.lease > self.renew > self.retry > 0:  # which also rejects nan
            raise ValueError(
                "leader election needs lease > renew > retry > 0 seconds; "
                f"these are {self.lease:g}, {self.renew:g} and {self.retry:g}"
            )


class LeaderElector:
    """Acquire a Lease, renew it, and release it.

    Args:
        connect: Makes a client for the thread's own event loop.
        name: Name of the Lease.
        namespace: Its namespace.
        timings: How fast leadership moves.
        identity: Who we are; default is the host's name with a random part.
        on_lost: Called in the thread when the leadership could not be kept; default ends the process with status 1.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        *,
        name: str,
        namespace: str,
        timings: LeaseTimings | None = None,
        identity: str = "",
        on_lost: Callable[[str], None] | None = None,
    ) -> None:
        self._connect = connect
        self._timings = timings or LeaseTimings()
        self.identity = identity or f"{socket.gethostname()}_{log.identifier()}"
        self._on_lost = on_lost or _end_process
        self._lock = LeaseLock(name, namespace, self.identity, self._timings.lease)
        self._renewed_at = float("-inf")
        self._elected = threading.Event()
        self._stopping = threading.Event()
        self._released = False
        self._ended: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._listener: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    @property
    def is_leader(self) -> bool:
        """Whether we lead at this moment, by our own clock: also right after the process was paused."""
        return self._elected.is_set() and clock.monotonic() - self._renewed_at < self._timings.lease

    @property
    def lease(self) -> Lease:
        """The Lease by its name, for what is said about it."""
        return self._lock.lease

    def check(self) -> None:
        """End the process when the leadership has run out; called before every reconcile and write.

        Raises:
            APIError: The Lease is given back; what the leader has left behind may write nothing more.
        """
        if self._released:
            raise APIError("not sent: this process has given up its leadership and writes nothing more")
        if self._elected.is_set() and not self.is_leader:
            self._on_lost("the lease ran out while the process was not running")

    async def acquire(self) -> None:
        """Return when we lead."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._listener = (loop, future)
        if clock.is_installed():  # of which a thread knows nothing
            self._task = asyncio.create_task(self._in_this_loop(), name="leader election")
            await future
            return
        self._ended = loop.create_future()
        threading.Thread(target=self._main, args=(loop, self._ended), name="leader election", daemon=True).start()
        await future

    async def release(self) -> None:
        """Stop renewing, and give the Lease back so that another replica need not wait for it to run out."""
        self._released = self._elected.is_set()
        self._stopping.set()
        if self._wake is not None:
            loop, wake = self._wake
            with contextlib.suppress(RuntimeError):  # the loop is closed: the thread has ended
                loop.call_soon_threadsafe(wake.set)
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self._timings.renew)
        if self._ended is not None:
            # Not a join in a thread of asyncio's: a user's code may hold all of them for ever.
            await asyncio.wait({self._ended}, timeout=self._timings.renew)

    def _main(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001 - a thread must not end in silence
            self._failed(error)
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nothing waits any longer
                loop.call_soon_threadsafe(ended.set_result, None)

    async def _in_this_loop(self) -> None:
        try:
            await self._run()
        except Exception as error:  # noqa: BLE001 - as in a thread
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if not self._elected.is_set():
            if not isinstance(error, Exception):
                error = RuntimeError(f"the leader election ended by {type(error).__name__}")
            self._report(error)
            return
        # Not in silence: the Lease would run out while this process goes on to write.
        logger.error("The leader election failed", extra=self._lock.fields(), exc_info=error)
        self._on_lost(f"{type(error).__name__}: {error}")

    def _report(self, error: Exception | None) -> None:
        if self._listener is None:
            return
        loop, future = self._listener

        def settle() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        if not loop.is_closed():
            loop.call_soon_threadsafe(settle)

    async def _run(self) -> None:
        self._wake = (asyncio.get_running_loop(), asyncio.Event())
        async with self._connect() as client:
            logger.info("Attempting to acquire leader lease", extra=self._lock.fields())
            while not self._stopping.is_set():
                if await self._try(client, self._timings.renew):
                    break
                await self._pause(self._timings.retry * random.uniform(1.0, 1.2))  # noqa: S311
            if self._stopping.is_set():
                if self._lock.may_hold:  # taken by the request that was under way, also where its answer is lost
                    await self._give_back(client)
                return
            logger.info("Successfully acquired lease", extra=self._lock.fields())
            self._elected.set()
            self._report(None)
            await self._keep(client)
            await self._give_back(client)

    async def _keep(self, client: Client) -> None:
        while not self._stopping.is_set():
            await self._pause(max(0.0, min(self._timings.retry, self._time_left())))
            if self._stopping.is_set():
                return
            if self._time_left() > 0:
                # Half of it, as in client-go: a connection that swallows the request leaves time for another one.
                await self._try(client, min(self._time_left(), self._timings.renew / 2))
            if self._time_left() <= 0:
                self._on_lost(f"could not renew it for {self._timings.renew:g} s")
                return

    def _time_left(self) -> float:
        """Return how long we may still try to renew."""
        return self._renewed_at + self._timings.renew - clock.monotonic()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when we are asked to stop."""
        if self._wake is not None and not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake[1].wait()

    async def _try(self, client: Client, seconds: float) -> bool:
        """Take or renew the Lease within a time; tell whether we hold it now."""
        began = clock.monotonic()
        try:
            async with asyncio.timeout(seconds):
                held = await self._lock.take(client)
        except (ConflictError, AlreadyExistsError):
            return False  # another process was faster; the next attempt reads its Lease
        except ForbiddenError as error:
            logger.error("No permission for the Lease", extra={**self._lock.fields(), "error": str(error)})
            return False
        except (APIError, TimeoutError) as error:
            logger.warning("Cannot reach the Lease", extra={**self._lock.fields(), "error": str(error) or "timed out"})
            return False
        except Exception:
            # Tried again like any other failure, until the time to renew is over.
            logger.exception("Cannot reach the Lease", extra=self._lock.fields())
            return False
        if held:
            # Counted from before the request: the server may have stored it any time since.
            self._renewed_at = began
        return held

    async def _give_back(self, client: Client) -> None:
        self._elected.clear()
        try:
            async with asyncio.timeout(self._timings.retry):
                while not await self._lock.give_back(client):  # noqa: ASYNC110 - the server's state
                    await asyncio.sleep(RELEASE_PAUSE_SECONDS)
        except (KaiwuError, TimeoutError) as error:
            logger.warning(
                "Could not release the lease", extra={**self._lock.fields(), "error": str(error) or "timed out"}
            )


def _end_process(reason: str) -> None:
    logger.error("Leader election lost; ending the process", extra={"reason": reason})
    logging.shutdown()
    # Not an exception: whatever the manager's loop is doing, it must not do it any longer.
    os._exit(1)
