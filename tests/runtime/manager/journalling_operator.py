"""An operator as a process of its own, for tests that kill, pause and stop it.

Every reconcile of the ConfigMap ``job`` writes two lines to a file all processes share, when it begins and when it
ends; the flags are the manager's own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by

logger = logging.getLogger("journalling")

SECONDS = float(os.environ.get("RECONCILE_SECONDS", "0.05"))
AGAIN = float(os.environ.get("RECONCILE_AGAIN", "0.1"))
MISTAKE = os.environ.get("RECONCILE_MISTAKE", "")


def note(word: str) -> None:
    """Append one line; small appends are atomic."""
    with open(os.environ["JOURNAL"], "a", encoding="ascii") as journal:  # noqa: PTH123 - append, unbuffered enough
        journal.write(f"{time.monotonic():.3f} {os.getpid()} {word}\n")


class Journalling(Reconciler):
    """Writes down when it works."""

    def setup_with_manager(self, manager: Manager) -> None:
        """Watch ConfigMaps."""
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        """Work for a moment."""
        if request.name != "job":
            return Result()
        note("begin")
        logger.info("at work")
        if MISTAKE == "raises":
            raise ValueError("a mistake")
        while MISTAKE == "blocks the loop":
            pass
        await asyncio.sleep(SECONDS)
        # What a process does in its own memory when it is resumed after a pause cannot be prevented; its writes are.
        done = ConfigMap(metadata=ObjectMeta(name="done", namespace=request.namespace))
        await self.client.apply(done)
        note("end")
        return Result(requeue_after=AGAIN)


class Hanging(Reconciler):
    """Hangs in its thread."""

    def setup_with_manager(self, manager: Manager) -> None:
        """Watch ConfigMaps."""
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    def reconcile(self, request: Request) -> Result:
        """Never return."""
        if request.name == "job":
            note("begin")
            logger.info("at work in a thread")
            threading.Event().wait()
        return Result()


def main() -> int:
    """Run the manager."""
    manager = Manager(ManagerOptions.from_args(leader_election_id="election.example.com"))
    manager.setup(Hanging if MISTAKE == "hangs" else Journalling)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
