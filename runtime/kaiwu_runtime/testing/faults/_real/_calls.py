"""What decides on calls to the outside with a real API server: the gate, for those who run the calls."""

from __future__ import annotations

from typing import Literal, Protocol

Fate = Literal["", "killed", "lost"]
"""What becomes of a call that took effect: it is answered, the operator was killed for it, or its answer is lost."""


class Calls(Protocol):
    """Counts calls; one of them meets the plan's fault."""

    async def version(self) -> str:
        """Return the version of the last change of any object."""

    def failure(self, text: str) -> str:
        """Return how a call fails before it takes effect: ``unsent`` or ``137``; empty if it does not.

        Args:
            text: For people: ``DNS.set('home')``.
        """

    async def call(self, text: str, version: str) -> Fate:
        """Count a call that changed something outside.

        Args:
            text: For people.
            version: The `version` before the call.
        """
