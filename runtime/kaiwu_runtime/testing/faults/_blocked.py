"""Reconcilers that block the event loop: while one does, no watch, no probe and no other object is served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

_SECONDS = 1.0
_TIMES = 2
"""How often it has to happen: a slow import blocks once, and a busy machine seldom twice."""


class Blocked:
    """Notes each time a reconciler blocked the event loop.

    Attributes:
        text: Which reconcile does so again and again, as a sentence; empty if none.
        first: The first reconcile of each controller that did so, as a sentence.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.text = ""

    def note(self, controller: str, key: object, seconds: float) -> None:
        """Note that a reconcile blocked.

        Args:
            controller: Its name.
            key: The object.
            seconds: How long.
        """
        if seconds < _SECONDS:
            return
        text = (
            f"reconcile of {controller} {key} blocks the event loop, for {seconds:.1f} s: "
            "await what takes time, or call it with asyncio.to_thread"
        )
        self.first.setdefault(controller, text)
        self._counts[controller] += 1
        if self._counts[controller] >= _TIMES and not self.text:
            self.text = text


def blocked_again(once: Mapping[str, str], again: Mapping[str, str]) -> str:
    """Return which reconcile blocked the event loop in each of two runs, as a sentence; empty if none did.

    Args:
        once: `Blocked.first` of a run.
        again: That of another run in the same process, which has imported everything.
    """
    return next((text for controller, text in again.items() if controller in once), "")
