"""Progress reports of the long steps of a set-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done at this moment.

    Attributes:
        text: The step in words; a new text is a new step.
        done: How much of it is done, in `unit`; 0 when that is not known.
        total: How much there is to do; 0 when that is not known.
        unit: ``bytes`` or ``packages``; empty for a step without a measure.
    """

    text: str
    done: int = 0
    total: int = 0
    unit: str = ""


class Progress(Protocol):
    """Receives steps; called from the thread that does the work, up to ten times a second."""

    def __call__(self, step: Step, /) -> None:
        """Show a step."""


def silent(_step: Step, /) -> None:
    """Show nothing."""
