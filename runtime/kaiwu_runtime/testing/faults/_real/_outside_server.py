"""Serves what lives outside Kubernetes to the operator's process, on a Unix socket that only this user can reach.

One connection is one call: the length of the request in eight bytes, the request, and the answer up to the end. Both
are pickled, as both sides are the same user's processes with the same project.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._handles import is_handle
from kaiwu_runtime.testing.faults._outside import described_call, is_async
from kaiwu_runtime.testing.faults._real._calls import Calls
from kaiwu_runtime.testing.faults._real._outside_messages import (
    LENGTH_BYTES,
    SCENARIOS,
    VARIABLE,
    Answer,
    Call,
    ModuleNames,
    Rebuilt,
    dump,
    load,
)

_LONGEST_PATH = 90  # of the 104 bytes that an address of a Unix socket has at least


class OutsideServer:
    """Passes calls of the operator on to the objects of a scenario; an async context manager.

    Args:
        changes: Runs the calls to what `Scenario.outside` returned.
        folder: Where a folder with the socket is made, if the path is not too long for one.
        main: Name under which this process imports the module that the operator runs as ``__main__``.
        calls: Counts the calls.
        failure: Returns the error of a call that the plan lets fail, given the type of its object, the call, and
            whether it took effect.

    Attributes:
        asked: Types whose objects were called.
    """

    def __init__(
        self,
        changes: Changes,
        folder: Path,
        *,
        main: str,
        calls: Calls,
        failure: Callable[[type[Any], str, bool], Exception],
    ) -> None:
        self._changes = changes
        self._kinds = list(changes.world)
        self._names = ModuleNames(to_main="", from_main=main)
        self._main = main
        self._calls = calls
        self._failure = failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._parent = folder
        self._folder: Path | None = None
        self._server: asyncio.Server | None = None
        self.asked: set[type[Any]] = set()

    async def __aenter__(self) -> OutsideServer:
        if self._kinds:
            self._folder = _private_folder(self._parent)
            self._server = await asyncio.start_unix_server(self._serve, self._folder / "outside.sock")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.drop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """Return what the operator needs to find the objects; empty without any."""
        if self._folder is None:
            return {}
        scenarios = getattr(sys.modules.get(SCENARIOS), "__file__", None)
        told = {
            "socket": str(self._folder / "outside.sock"),
            "kinds": [f"{kind.__module__}:{kind.__qualname__}" for kind in self._kinds],
            "main": self._main,
            "scenarios": str(Path(scenarios).resolve()) if scenarios else "",
        }
        return {VARIABLE: json.dumps(told)}

    def drop(self) -> None:
        """End every call that is under way: who called is dead."""
        here = asyncio.current_task()
        for task in self._tasks:
            if task is not here:
                task.cancel()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            request = await reader.readexactly(int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big"))
            answering = asyncio.ensure_future(self._answer(request))
            gone = asyncio.ensure_future(reader.read(1))
            try:
                await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
                if answering.done() and (answer := answering.result()) is not None:
                    writer.write(answer)
                    await writer.drain()
            finally:
                answering.cancel()
                gone.cancel()
                await asyncio.gather(answering, gone, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the operator is gone; Python 3.12 would log the end of a task that was cancelled
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            with suppress(OSError):
                writer.close()

    async def _answer(self, request: bytes) -> bytes | None:
        """Return the answer to a request; None to an operator that was killed for it."""
        try:
            call = load(request, self._names)
        except Exception as error:  # noqa: BLE001 - whatever a class does when it is made anew
            return dump(Answer("failed", f"its arguments cannot be copied to the fault kit: {describe(error)}"))
        assert isinstance(call, Call)  # noqa: S101 - sent by our own code
        kind = self._kinds[call.kind]
        inner = self._changes.world[kind]
        try:
            found = getattr(inner, call.name)
        except AttributeError as error:
            return dump(Answer("missing", str(error)))
        if not call.is_call:
            if callable(found) and not inspect.isclass(found):
                return dump(Answer("async" if is_async(found) else "plain", None))
            return _copied(Answer("value", found), inner)
        self.asked.add(kind)
        text = described_call(f"{kind.__name__}.{call.name}", call.args, call.kwargs)
        if self._calls.failure(text):
            return _copied_error(self._failure(kind, text, False))
        version = await self._calls.version()
        ended = await self._changes.wait(_result(found, call))
        fate = await self._calls.call(text, version) if kind in ended.changed else ""
        if fate:
            return _copied_error(self._failure(kind, text, True)) if fate == "lost" else None
        if ended.failure is not None:
            return _copied_error(ended.failure)
        return _copied(Answer("value", ended.result()), inner)


async def _result(function: Callable[..., Any], call: Call) -> Any:  # noqa: ANN401 - as the function has it
    result = function(*call.args, **call.kwargs)
    return await result if inspect.isawaitable(result) else result


def _private_folder(parent: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="outside-", dir=parent))
    if len(str(folder).encode()) > _LONGEST_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="kaiwu-", dir="/tmp"))
    return folder


def _copied(answer: Answer, inner: object) -> bytes:
    if answer.content is inner:
        return dump(Answer("itself", None))
    if is_handle(answer.content, inner):
        reason = f"is used through the {type(answer.content).__name__} that it returns"
        advice = "let functions of the object itself do that, as calls of a copy reach nothing"
        return dump(Answer("failed", f"the object outside {reason}: with a real API server {advice}"))
    try:
        return dump(answer)
    except Exception as error:  # noqa: BLE001 - whatever pickle meets
        return dump(Answer("failed", f"its result cannot be copied to the operator's process: {describe(error)}"))


def _copied_error(error: Exception) -> bytes:
    """Return an exception, or what it says where it cannot be made anew."""
    for content in (error, Rebuilt(error)):
        try:
            answer = dump(Answer("raised", content))
            pickle.loads(answer)  # noqa: S301 - our own
        except Exception:  # noqa: BLE001, S112 - whatever pickle meets
            continue
        return answer
    return dump(Answer("raised", RuntimeError(describe(error))))
