"""What a running manager is doing, as text: threads, controllers with their queues, caches and tasks.

For an operator that hangs or lags behind. It is made in any thread, so that it works while the event loop is blocked.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from types import FrameType
from typing import Any, Protocol

MAX_TASKS = 200
MAX_KEYS = 20
_STACK = 30
"""How many frames of a thread are shown."""


class Described(Protocol):
    """What has a line of its own in a dump."""

    def describe(self) -> str:
        """Return the line, without its end."""


def describe_state(
    summary: str, controllers: Sequence[object], informers: Iterable[Described], loop: asyncio.AbstractEventLoop | None
) -> str:
    """Return the text.

    Args:
        summary: The first line.
        controllers: Those that have a line are shown.
        informers: The caches.
        loop: The event loop, whose tasks are shown.
    """
    parts = [summary, "", "controllers:"]
    parts += [f"  {line}" for line in _lines(each for each in controllers if hasattr(each, "describe"))] or ["  none"]
    parts += ["", "caches:"]
    parts += [f"  {line}" for line in sorted(_lines(informers))] or ["  none"]
    parts += ["", *_tasks(loop), "", "threads:", *_threads()]
    return "\n".join(parts) + "\n"


def _lines(described: Iterable[Any]) -> list[str]:
    found = []
    for each in described:
        try:
            found.append(each.describe())
        except RuntimeError as error:  # it changed in the middle: this is another thread
            found.append(f"{type(each).__name__}: {error}")
    return found


def _tasks(loop: asyncio.AbstractEventLoop | None) -> list[str]:
    if loop is None:
        return ["tasks: none"]
    try:
        tasks = asyncio.all_tasks(loop)
    except RuntimeError as error:
        return [f"tasks: {error}"]
    places = Counter((_family(task.get_name()), _place(task)) for task in tasks)
    lines = [
        f"  {name}{f' ({number} of them)' if number > 1 else ''}: {place}"
        for (name, place), number in sorted(places.items())
    ]
    more = [f"  ... and {len(lines) - MAX_TASKS} more lines"] if len(lines) > MAX_TASKS else []
    return [f"tasks: {len(tasks)}", *lines[:MAX_TASKS], *more]


def _family(name: str) -> str:
    """Return a task's name without its number: there may be many of a sort."""
    stem, _, number = name.rpartition(" ")
    if stem and number.isdigit():
        return stem
    return "Task" if name.startswith("Task-") else name


def _place(task: asyncio.Task[Any]) -> str:
    """Return where a task waits, from its own function to what it waits for."""
    coroutine: Any = task.get_coro()
    steps: list[str] = []
    while coroutine is not None and len(steps) < _STACK:
        generator = getattr(coroutine, "gi_frame", None)
        if generator is not None:
            # The one that measures how long a reconciler blocks the loop stands between it and the worker.
            coroutine = getattr(generator.f_locals.get("self"), "_awaitable", None) or coroutine.gi_yieldfrom
            continue
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
        if frame is None:
            break
        steps.append(_step(frame))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)
    shown = steps if len(steps) <= 4 else [steps[0], "...", *steps[-2:]]
    return " > ".join(shown) or "running"


def _step(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_qualname}:{frame.f_lineno}"


def _threads() -> list[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.get_ident()
    lines = []
    for number, frame in sys._current_frames().items():  # noqa: SLF001 - there is no other way
        if number == own:
            continue
        lines.append(f"  {names.get(number, number)}:")
        stack = traceback.extract_stack(frame)[-_STACK:]
        lines += [f"    {each.filename}:{each.lineno} {each.name}" for each in stack]
    return lines
