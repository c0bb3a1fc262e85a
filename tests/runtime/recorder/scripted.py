"""A transport that stores events, or fails as it is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from kaiwu_runtime._status import error_from_status
from kaiwu_runtime.errors import APIStatusError

from ..stand_in_transport import Sent, StandInTransport


def refusal(code: int, retry_after: float | None = None, **status: Any) -> APIStatusError:
    return error_from_status({"message": f"refused {code}", **status}, code=code, retry_after=retry_after)


class EventStore(StandInTransport):
    """Keeps what is created and patched.

    Attributes:
        failures: Raised one by one before a request is stored; an error in `after` is raised once it is stored.
        sent: The moment, verb and series count of every request.
    """

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.failures: list[Exception] = []
        self.after: list[Exception] = []
        self.sent: list[tuple[float, str, int]] = []
        self.delay = 0.0

    async def answer(self, sent: Sent) -> bytes:
        event = json.loads(sent.body or b"{}")
        self.sent.append((asyncio.get_running_loop().time(), sent.method, event.get("series", {}).get("count", 1)))
        await asyncio.sleep(self.delay)
        if self.failures:
            raise self.failures.pop(0)
        if sent.method == "POST":
            name = event["metadata"]["name"]
            if name in self.events:
                raise refusal(409, reason="AlreadyExists")
            self.events[name] = event
        else:
            name = sent.path.rsplit("/", 1)[1]
            if name not in self.events:
                raise refusal(404)
            self.events[name].update(event)
        if self.after:
            raise self.after.pop(0)
        return b"{}"

    @property
    def counts(self) -> dict[str, int]:
        """The count of each stored event by its reason."""
        return {event["reason"]: event.get("series", {}).get("count", 1) for event in self.events.values()}
