"""Faults and functions that a test attaches to the requests of a fake API server."""

from __future__ import annotations

from typing import Any

from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.testing._injection import Condition, Faults, Hook, Verb
from kaiwu_runtime.testing._refusals import refusal


class RequestHooks:
    """The part of :class:`~kaiwu_runtime.testing.FakeTransport` that lets requests fail and calls a test."""

    def __init__(self) -> None:
        self._faults = Faults()

    def fail(
        self,
        verb: Verb,
        kind: type[Any] | None,
        error: Exception | int,
        times: int = 1,
        *,
        stored: bool = False,
        number: int = 1,
        when: Condition | None = None,
    ) -> None:
        """Let the next requests fail.

        Args:
            verb: ``get``, ``list``, ``watch``, ``create``, ``patch`` (an apply too), ``apply``, ``delete``, ``write``
                (create, patch, apply and delete) or ``*``.
            kind: Requests for this kind; None for any.
            error: What the client raises: an exception, or the HTTP status of a rejection.
            times: How many requests fail.
            stored: Let them take effect first: only the response is lost.
            number: The first of such requests that fails: 3 lets two of them succeed before.
            when: Only requests for which this function returns a true value; with `stored`, ``request.changed`` is
                known then.

        Raises:
            ValueError: There is no such verb, or `times` or `number` is less than 1.
        """
        raised = refusal(error) if isinstance(error, int) else error
        self._faults.fail(
            verb, identify(kind) if kind is not None else None, raised, times, stored=stored, number=number, when=when
        )

    def before(self, verb: Verb, kind: type[Any] | None, function: Hook) -> None:
        """Call a function before every such request is processed.

        Args:
            verb: See `fail`.
            kind: See `fail`.
            function: Gets the request; may be async, and may send requests itself, which it is not called for.
                An exception is what the client raises.

        Raises:
            ValueError: There is no such verb.
        """
        self._faults.hook(verb, identify(kind) if kind is not None else None, function, late=False)

    def after(self, verb: Verb, kind: type[Any] | None, function: Hook) -> None:
        """Call a function after every such request took effect, and before its response is sent.

        Args:
            verb: See `fail`.
            kind: See `fail`.
            function: See `before`; ``request.changed`` is known. It is not called for a request that was rejected.

        Raises:
            ValueError: There is no such verb.
        """
        self._faults.hook(verb, identify(kind) if kind is not None else None, function, late=True)
