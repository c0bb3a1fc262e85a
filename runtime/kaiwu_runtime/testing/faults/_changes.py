"""What calls and commands change outside Kubernetes: of several at the same time, each change belongs to one."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Generator, Mapping
from functools import partial
from typing import Any

from kaiwu_runtime.testing.faults._values import Values


def whole(inner: object) -> str:
    """Return all attributes of an object as text: another text after a call means that it changed something."""
    return repr(Values(private=True).attributes(inner))


class Ended:
    """A call that has ended.

    Args:
        result: What it returned.
        failure: What it raised; it may have changed something before.
        changed: The types of what it changed.
    """

    def __init__(self, result: Any, failure: Exception | None, changed: set[type[Any]]) -> None:  # noqa: ANN401
        self._result = result
        self.cancellation: CancelledError | None = None
        """Set if who called did not wait for its end."""
        self.failure = failure
        self.changed = changed

    def result(self) -> Any:  # noqa: ANN401 - as the function returned it
        """Return what the call returned, or raise what it raised."""
        if self.cancellation is not None:
            raise self.cancellation
        if self.failure is not None:
            raise self.failure
        return self._result


class _Call:
    """A call that is under way.

    Args:
        before: The state at its start.

    Attributes:
        touched: The types of what it has changed, and may have changed back.
    """

    def __init__(self, before: Mapping[type[Any], str]) -> None:
        self.before = before
        self.touched: set[type[Any]] = set()


class Changes:
    """Runs calls, and says what each has changed.

    What changes while a call has the event loop was changed by this call. What changes while none has it, in a thread
    or in a task that a call has started, counts for all that are under way.

    Args:
        world: What lives outside Kubernetes, by type.
    """

    def __init__(self, world: Mapping[type[Any], object]) -> None:
        self.world = world
        self._seen: Mapping[type[Any], str] = {}
        self._under_way: list[_Call] = []

    def run(self, function: Callable[[], Any]) -> Ended:
        """Call a function."""
        call = self._begin()
        try:
            return self._end(call, self._step(call, function), None)
        except Exception as error:  # noqa: BLE001 - of the stand-in, which may have changed something before
            return self._end(call, None, error)
        finally:
            self._under_way.remove(call)

    async def wait(self, work: Awaitable[Any], *, keep_cancellation: bool = False) -> Ended:
        """Await what a function has returned.

        Args:
            work: What is awaited.
            keep_cancellation: Return what a call that is cancelled has changed until then.
        """
        call = self._begin()
        try:
            return self._end(call, await _Stepwise(work, partial(self._step, call)), None)
        except CancelledError as error:
            if not keep_cancellation:
                raise
            ended = self._end(call, None, None)
            ended.cancellation = error
            return ended
        except Exception as error:  # noqa: BLE001 - of the stand-in, which may have changed something before
            return self._end(call, None, error)
        finally:
            self._under_way.remove(call)

    def _state(self) -> dict[type[Any], str]:
        return {kind: whole(inner) for kind, inner in self.world.items()}

    def _begin(self) -> _Call:
        self._look(self._under_way)
        call = _Call(self._seen)
        self._under_way.append(call)
        return call

    def _step(self, call: _Call, function: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Call a function for a call that is under way; what it changes belongs to this call alone."""
        self._look(self._under_way)
        try:
            return function()
        finally:
            self._look([call])

    def _look(self, calls: list[_Call]) -> None:
        """Let what has changed since the last time belong to some calls."""
        now = self._state()
        changed = {kind for kind, state in now.items() if state != self._seen.get(kind)}
        self._seen = now
        for call in calls:
            call.touched |= changed

    def _end(self, call: _Call, result: Any, failure: Exception | None) -> Ended:  # noqa: ANN401
        self._look(self._under_way)
        return Ended(result, failure, {kind for kind in call.touched if self._seen[kind] != call.before[kind]})


class _Stepwise:
    """Awaits something.

    Args:
        work: What is awaited.
        step: Calls the function that gives it the event loop until it waits again.
    """

    def __init__(self, work: Awaitable[Any], step: Callable[[Callable[[], Any]], Any]) -> None:
        self._work = work
        self._step = step

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._work.__await__()
        thrown: BaseException | None = None
        try:
            while True:
                try:
                    waits_for = self._step(partial(next, steps) if thrown is None else partial(steps.throw, thrown))
                except StopIteration as end:
                    return end.value
                thrown = None
                try:
                    yield waits_for
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - for what is awaited: a cancellation
                    thrown = error
        finally:
            steps.close()
