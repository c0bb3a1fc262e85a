"""A call of the operator to what lives outside Kubernetes: it is counted, may fail, and ends when it is killed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol


class Life(Protocol):
    """One life of the operator."""

    @property
    def dead(self) -> bool:
        """Whether it was killed."""

    @property
    def tasks(self) -> Collection[asyncio.Task[Any]]:
        """Its tasks."""

    def call(self, text: str) -> tuple[int, str]:
        """Count a call, and return its number and how it fails, or an empty text."""

    def effect(self, text: str, *, call: int) -> None:
        """Count a call that has changed something, which may be the end of this life."""

    def query(self, text: str, call: int) -> None:
        """Note a call that has changed nothing."""

    def failure(self, kind: type[Any], call: str, lost: bool) -> Exception:
        """Return the error of a call that the plan lets fail."""

    async def end(self) -> None:
        """Never return; called by what a killed operator goes on to do."""


class Killed(BaseException):
    """Ends a function of a killed operator that runs in a thread, and its set-up."""


class Call:
    """A call, which the plan may let fail.

    Args:
        text: For people.
        life: Whose call it is.
        failure: Returns the error, given the text and whether it took effect.

    Raises:
        Exception: The plan lets it fail before it takes effect.

    Attributes:
        fails: How the plan lets it fail; empty if it does not.
    """

    def __init__(self, text: str, life: Life, failure: Callable[[str, bool], Exception]) -> None:
        self._text = text
        self._life = life
        self._failure = failure
        self._is_counted = False
        self._number, self.fails = life.call(text)
        if self.fails == "unsent":
            raise failure(text, False)

    def count(self, *, changed: bool) -> None:
        """Count that it has changed something, or the first time that it has not."""
        if changed:
            self._life.effect(self._text, call=self._number)
        elif not self._is_counted:
            self._life.query(self._text, self._number)
        self._is_counted = True

    def check_answer(self) -> None:
        """Raise the error of a call whose answer is lost, if this is one."""
        if self.fails:
            raise self._failure(self._text, True)


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether a function has to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def described_call(text: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return a call for people: ``DNS.set('home', ttl=60)``."""
    shown = [*(repr(each) for each in args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    return shortened(f"{text}({', '.join(shown)})")


def shortened(line: str) -> str:
    """Return the description of an effect, without its end if it is long."""
    return line if len(line) <= 100 else f"{line[:97]}..."
