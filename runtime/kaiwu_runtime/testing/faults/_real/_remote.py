"""An object that lives in the fault kit's process, as the operator sees it: its functions are called there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.testing.faults._real._outside_messages import LENGTH_BYTES, Answer, Call, ModuleNames, dump, load

_CHUNK = 1 << 16


class Remote:
    """Passes calls on; arguments, results and attributes are copies.

    Args:
        path: The socket.
        number: Which object.
        name: Of its type, for people.
        names: Where the classes of the operator's program are.
    """

    def __init__(self, path: Path, number: int, name: str, names: ModuleNames) -> None:
        self._kaiwu_path = path
        self._kaiwu_number = number
        self._kaiwu_name = name
        self._kaiwu_names = names
        self._kaiwu_functions: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the object has it
        if name.startswith("__"):  # what Python looks for by itself, for instance to copy an object
            raise AttributeError(name)
        return self._kaiwu_attribute(name)

    def _kaiwu_attribute(self, name: str) -> Any:  # noqa: ANN401 - as the object has it
        if name in self._kaiwu_functions:
            return self._kaiwu_functions[name]
        asked = Call(self._kaiwu_number, name)
        answer = self._kaiwu_read(name, self._kaiwu_send(self._kaiwu_request(name, asked)))
        if answer.what in {"async", "plain"}:
            function = self._kaiwu_function(name, is_async=answer.what == "async")
            return self._kaiwu_functions.setdefault(name, function)
        return self._kaiwu_result(name, answer)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return self._kaiwu_attribute("__call__")(*args, **kwargs)

    async def __aenter__(self) -> Any:  # noqa: ANN401
        return await self._kaiwu_attribute("__aenter__")()

    async def __aexit__(self, kind: type[Any] | None, error: BaseException | None, _: object) -> Any:  # noqa: ANN401
        return await self._kaiwu_attribute("__aexit__")(kind, error, None)  # a traceback cannot be copied

    def __enter__(self) -> Any:  # noqa: ANN401
        return self._kaiwu_attribute("__enter__")()

    def __exit__(self, kind: type[Any] | None, error: BaseException | None, _: object) -> Any:  # noqa: ANN401
        return self._kaiwu_attribute("__exit__")(kind, error, None)

    def __repr__(self) -> str:
        return f"<{self._kaiwu_name} of the fault kit>"

    def _kaiwu_function(self, name: str, *, is_async: bool) -> Callable[..., Any]:
        def plain(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            request = self._kaiwu_request(name, Call(self._kaiwu_number, name, True, args, kwargs))
            return self._kaiwu_result(name, self._kaiwu_read(name, self._kaiwu_send(request)))

        async def asynchronous(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            request = self._kaiwu_request(name, Call(self._kaiwu_number, name, True, args, kwargs))
            return self._kaiwu_result(name, self._kaiwu_read(name, await self._kaiwu_send_async(request)))

        return asynchronous if is_async else plain

    def _kaiwu_request(self, name: str, call: Call) -> bytes:
        try:
            data = dump(call)
        except Exception as error:
            reason = f"its arguments cannot be copied to the fault kit: {describe(error)}"
            raise TypeError(f"{self._kaiwu_name}.{name}: {reason}") from error
        return len(data).to_bytes(LENGTH_BYTES, "big") + data

    def _kaiwu_send(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._kaiwu_path))
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(_CHUNK), b""))

    async def _kaiwu_send_async(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._kaiwu_path)
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()

    def _kaiwu_read(self, name: str, data: bytes) -> Answer:
        if not data:
            raise ConnectionError(f"{self._kaiwu_name}.{name}: the fault kit has ended the call")
        try:
            answer = load(data, self._kaiwu_names)
        except Exception as error:
            reason = f"its result cannot be copied to the operator's process: {describe(error)}"
            raise TypeError(f"{self._kaiwu_name}.{name}: {reason}") from error
        assert isinstance(answer, Answer)  # noqa: S101 - sent by our own code
        return answer

    def _kaiwu_result(self, name: str, answer: Answer) -> Any:  # noqa: ANN401 - as the object has it
        if answer.what == "itself":
            return self
        if answer.what == "missing":
            raise AttributeError(answer.content)
        if answer.what == "raised":
            raise answer.content
        if answer.what == "failed":
            raise TypeError(f"{self._kaiwu_name}.{name}: {answer.content}")
        return answer.content
