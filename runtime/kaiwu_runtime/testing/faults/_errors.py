"""The errors of an operator's reconciles: with one that it did not mean it has not settled."""

from __future__ import annotations

from functools import partial

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.controller._controller import Controller
from kaiwu_runtime.controller._failure import meaning
from kaiwu_runtime.controller._outcome import OutcomeHandler
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.errors import RetryAfter, TerminalError
from kaiwu_runtime.testing.faults._blocked import Blocked


def note_errors(controller: Controller, errors: dict[str, str], meant: dict[str, str], blocked: Blocked) -> None:
    """Keep the errors of a controller, before it runs.

    Args:
        controller: The controller.
        blocked: Is told of each reconcile that blocks the event loop.
        errors: Gets the last error by controller and object, and loses it once a reconcile does not fail. A
            TerminalError and a RetryAfter are meant by the reconciler, and are kept apart.
        meant: Gets these in the same way.
    """
    outcome = _NotingOutcome(controller, errors, meant)
    outcome.metrics = controller.metrics
    controller._outcome = outcome  # noqa: SLF001 - the only place that knows what a reconcile came to
    controller._invocation.on_blocked = partial(blocked.note, controller.name)  # noqa: SLF001 - what measures a reconcile


class _NotingOutcome(OutcomeHandler):
    __slots__ = ("_errors", "_meant", "_name")

    def __init__(self, controller: Controller, errors: dict[str, str], meant: dict[str, str]) -> None:
        super().__init__(controller.queue)
        self._name = controller.name
        self._errors = errors
        self._meant = meant

    def settle(self, request: Request, result: Result | None) -> str:
        """Forget the error of a request."""
        self._forget(request)
        return super().settle(request, result)

    def fail(self, request: Request, error: BaseException) -> str:
        """Keep the error of a request that is retried because of it."""
        self._forget(request)
        outcome = super().fail(request, error)
        is_meant = isinstance(meaning(error), TerminalError | RetryAfter)
        if is_meant or outcome == "error":
            (self._meant if is_meant else self._errors)[f"{self._name} {request}"] = describe(error)
        return outcome

    def _forget(self, request: Request) -> None:
        self._errors.pop(f"{self._name} {request}", None)
        self._meant.pop(f"{self._name} {request}", None)
