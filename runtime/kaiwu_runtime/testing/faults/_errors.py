"""The errors of an operator's reconciles that are still retried: with one of them it has not settled."""

from __future__ import annotations

from functools import partial

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.controller._controller import Controller
from kaiwu_runtime.controller._failure import meaning
from kaiwu_runtime.controller._outcome import OutcomeHandler
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.errors import TerminalError
from kaiwu_runtime.testing.faults._blocked import Blocked


def note_errors(controller: Controller, errors: dict[str, str], blocked: Blocked) -> None:
    """Keep the errors of a controller, before it runs.

    Args:
        controller: The controller.
        blocked: Is told of each reconcile that blocks the event loop.
        errors: Gets the last error by controller and object, and loses it once a reconcile does not fail. A
            TerminalError and a RetryAfter are meant by the reconciler, and are not kept.
    """
    outcome = _NotingOutcome(controller, errors)
    outcome.metrics = controller.metrics
    controller._outcome = outcome  # noqa: SLF001 - the only place that knows what a reconcile came to
    controller._invocation.on_blocked = partial(blocked.note, controller.name)  # noqa: SLF001 - what measures a reconcile


class _NotingOutcome(OutcomeHandler):
    __slots__ = ("_errors", "_name")

    def __init__(self, controller: Controller, errors: dict[str, str]) -> None:
        super().__init__(controller.queue)
        self._name = controller.name
        self._errors = errors

    def settle(self, request: Request, result: Result | None) -> str:
        """Forget the error of a request."""
        self._errors.pop(f"{self._name} {request}", None)
        return super().settle(request, result)

    def fail(self, request: Request, error: BaseException) -> str:
        """Keep the error of a request that is retried because of it."""
        self._errors.pop(f"{self._name} {request}", None)
        outcome = super().fail(request, error)
        if outcome == "error" and not isinstance(meaning(error), TerminalError):
            self._errors[f"{self._name} {request}"] = describe(error)
        return outcome
