"""What the operator gets in place of a stand-in: its calls, and those of its handles, are counted and may fail."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import cache, partial
from typing import Any

from kaiwu_runtime.testing.faults._changes import Changes, Ended
from kaiwu_runtime.testing.faults._handles import is_handle
from kaiwu_runtime.testing.faults._outside import Call, Killed, Life, described_call, is_async

_LONGEST_PATH = 60


class Counted:
    """Passes calls on to an object; a call that changes one of its attributes is an effect of the operator.

    What a call returns is passed on in the same way if it acts on the object, as a session does: made by `counted`.

    Args:
        inner: The stand-in, or a handle of it.
        path: How the operator came to it, for people.
        kind: The type of the stand-in.
        changes: Runs the calls.
        life: Whose calls they are.
    """

    def __init__(self, inner: object, path: str, kind: type[Any], changes: Changes, life: Life) -> None:
        self._kaiwu_inner = inner
        self._kaiwu_path = path
        self._kaiwu_kind = kind
        self._kaiwu_changes = changes
        self._kaiwu_life = life

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the object has it
        found = getattr(self._kaiwu_inner, name)
        if name.startswith("_") or inspect.isclass(found):
            return found
        path = f"{self._kaiwu_path}.{name}"
        if callable(found) and (inspect.isroutine(found) or not is_handle(found, self._kaiwu_root())):
            return self._kaiwu_function(found, path)
        return self._kaiwu_counted(found, path)

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_kaiwu_"):
            super().__setattr__(name, value)
        else:
            setattr(self._kaiwu_inner, name, _bare(value))

    def __eq__(self, other: object) -> bool:
        return bool(self._kaiwu_inner == _bare(other))

    def __hash__(self) -> int:
        return hash(self._kaiwu_inner)

    def __repr__(self) -> str:
        return repr(self._kaiwu_inner)

    def _kaiwu_root(self) -> object:
        return self._kaiwu_changes.world[self._kaiwu_kind]

    def _kaiwu_function(self, function: Callable[..., Any], path: str, *, leaves: bool = False) -> Callable[..., Any]:
        wrap = _asynchronous if is_async(function) else _plain

        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            text = path if leaves else described_call(path, args, kwargs)
            ways = _Ways(text, self, is_question=not leaves)
            bare = {name: _bare(value) for name, value in kwargs.items()}
            return wrap(ways, function)(*map(_bare, args), **bare)

        return call

    def _kaiwu_counted(self, value: Any, path: str) -> Any:  # noqa: ANN401 - as the object has it
        """Return a value as the operator gets it."""
        if value is self._kaiwu_inner:
            return self
        if type(value) in {list, tuple}:
            found = [self._kaiwu_counted(each, path) for each in value]
            same = all(one is other for one, other in zip(found, value, strict=True))
            return value if same else type(value)(found)
        if not is_handle(value, self._kaiwu_root()):
            return value
        return counted(value, path, self._kaiwu_kind, self._kaiwu_changes, self._kaiwu_life)


def counted(inner: object, path: str, kind: type[Any], changes: Changes, life: Life) -> Counted:
    """Return what passes calls on to an object, with the special methods that its type has.

    Args:
        inner: The stand-in, or a handle of it.
        path: How the operator came to it, for people.
        kind: The type of the stand-in.
        changes: Runs the calls.
        life: Whose calls they are.
    """
    found: Any = type(inner)
    return _type_for(found)(inner, path, kind, changes, life)


@cache
def _type_for(kind: type[Any]) -> type[Counted]:
    members: dict[str, Any] = {name: _special(name) for name in _SPECIAL if hasattr(kind, name)}
    members["__class__"] = property(lambda _: kind)  # what isinstance looks at
    return type(kind.__name__, (Counted,), members)


def _special(name: str) -> Callable[..., Any]:
    def method(self: Counted, *args: Any) -> Any:  # noqa: ANN401
        inner, path = self._kaiwu_inner, self._kaiwu_path
        function = self._kaiwu_function(getattr(inner, name), f"{path}.{name}", leaves=name in _LEAVING)
        return function(*args)

    def call(self: Counted, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return self._kaiwu_function(self._kaiwu_inner, self._kaiwu_path)(*args, **kwargs)  # type: ignore[arg-type]

    def wait(self: Counted) -> Generator[Any, Any, Any]:
        async def inner() -> Any:  # noqa: ANN401
            return await self._kaiwu_inner  # type: ignore[misc]

        return self._kaiwu_function(inner, f"{self._kaiwu_path}.{name}")().__await__()  # type: ignore[no-any-return]

    return {"__call__": call, "__await__": wait}.get(name, method)


_BLOCKS = ("__aenter__", "__aexit__", "__enter__", "__exit__")
_ITERATION = ("__aiter__", "__anext__", "__iter__", "__next__")
_ITEMS = ("__contains__", "__delitem__", "__getitem__", "__len__", "__setitem__")
_SPECIAL = (*_BLOCKS, *_ITERATION, *_ITEMS, "__await__", "__call__")
_LEAVING = frozenset({"__aexit__", "__exit__"})


class _Ways:
    """What a call of the operator needs.

    Args:
        text: The call, for people.
        owner: Whose function is called.
        is_question: Whether it counts if it changes nothing.
    """

    def __init__(self, text: str, owner: Counted, *, is_question: bool) -> None:
        self.text = text
        self.kind = owner._kaiwu_kind  # noqa: SLF001 - two halves of one thing
        self.changes = owner._kaiwu_changes  # noqa: SLF001
        self.life = owner._kaiwu_life  # noqa: SLF001
        self.owner = owner
        self.is_question = is_question

    def begin(self) -> Call:
        """Count the beginning of the call."""
        return Call(self.text, self.life, partial(self.life.failure, self.kind))

    def count(self, one: Call, ended: Ended) -> bool:
        """Count the end of the call, and return whether the operator is dead."""
        changed = self.kind in ended.changed
        if changed or self.is_question:
            one.count(changed=changed)
        return self.life.dead

    def result(self, one: Call, ended: Ended) -> Any:  # noqa: ANN401 - as the function returned it
        """Return what the operator gets."""
        if ended.cancellation is None:
            one.check_answer()
        path = self.text.partition(".__")[0] if len(self.text) < _LONGEST_PATH else f"{self.kind.__name__}..."
        return self.owner._kaiwu_counted(ended.result(), path)  # noqa: SLF001


def _asynchronous(ways: _Ways, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if ways.life.dead:
            await ways.life.end()
        return await _awaited(ways, ways.begin(), function(*args, **kwargs))

    return call


async def _awaited(ways: _Ways, one: Call, work: Awaitable[Any]) -> Any:  # noqa: ANN401 - as the function has it
    ended = await ways.changes.wait(work, keep_cancellation=True)
    if ways.life.dead and ended.cancellation is not None:
        ended.result()
    if ways.life.dead:  # killed by another effect meanwhile
        await ways.life.end()
    if ways.count(one, ended):
        await ways.life.end()
    return ways.result(one, ended)


def _plain(ways: _Ways, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if ways.life.dead:
            _end_here(ways.life)
        one = ways.begin()
        ended = ways.changes.run(lambda: function(*args, **kwargs))
        if ended.failure is None and _is_coroutine(work := ended.result()):  # it has not begun
            return _awaited(ways, one, work)
        if ways.count(one, ended):
            _end_here(ways.life)
        return ways.result(one, ended)

    return call


def _is_coroutine(value: object) -> bool:
    """Return whether a value can be awaited and nothing else, as that of an async generator's ``__anext__``."""
    return isinstance(value, Coroutine) and not hasattr(value, "__aenter__")


def _end_here(life: Life) -> None:
    """End what runs: the task, the function in a thread, or the set-up of the operator."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        raise Killed from None
    if task is None or task not in life.tasks:  # the run's own, which sets the operator up
        raise Killed
    task.cancel()  # otherwise the worker would take it for a failure of something that was awaited
    raise asyncio.CancelledError


def _bare(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Return an argument as the object knows it."""
    return value._kaiwu_inner if issubclass(type(value), Counted) else value  # noqa: SLF001 - of this module
