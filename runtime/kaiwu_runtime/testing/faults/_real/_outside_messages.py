"""The messages between the operator's process and the objects that live outside Kubernetes."""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

VARIABLE = "KAIWU_FAULTS_OUTSIDE"
"""Environment variable of the operator, a JSON object: where the socket is, and of which types there are objects."""

SCENARIOS = "kaiwu_fault_scenarios"
"""Name of the module with the scenarios, in both processes."""

LENGTH_BYTES = 8


@dataclass(slots=True)
class Call:
    """What the operator wants of an object.

    Attributes:
        kind: Which object, by its number.
        name: Name of the attribute.
        is_call: Call it; False asks what it is.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """

    kind: int
    name: str
    is_call: bool = False
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """What came of it.

    Attributes:
        what: ``value``; ``itself`` if it is the object that was called; ``async`` and ``plain`` of a function that was
            asked for; ``missing`` without such an attribute; ``raised`` by the function; ``failed`` on the way there or
            back.
        content: The value, the exception, or the message.
    """

    what: Literal["value", "itself", "async", "plain", "missing", "raised", "failed"]
    content: Any


class Rebuilt:
    """Arrives as an exception whose constructor does not take what its `args` are, and which pickle cannot make anew.

    Args:
        error: The exception; attributes that cannot be copied are left out.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in vars(self._error).items() if _is_copied(value)}
        return _rebuilt, (type(self._error), self._error.args, state)


def _rebuilt(kind: type[Exception], args: tuple[Any, ...], state: Mapping[str, Any]) -> Exception:
    error = Exception.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _is_copied(value: object) -> bool:
    try:
        pickle.loads(pickle.dumps(value))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever pickle meets
        return False
    return True


class ModuleNames(NamedTuple):
    """Where the classes of the operator's program are: it is ``__main__`` there and has its own name here.

    Attributes:
        to_main: Name of the module that is ``__main__`` in this process; empty if none is.
        from_main: Name of the module that is ``__main__`` in the other; empty if none is.
    """

    to_main: str
    from_main: str


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, names: ModuleNames) -> None:
        super().__init__(io.BytesIO(data))
        self._names = names

    def find_class(self, module: str, name: str, /) -> Any:  # noqa: ANN401 - a class or a function
        if self._names.from_main and module == "__main__":
            importlib.import_module(self._names.from_main)
            module = self._names.from_main
        elif self._names.to_main and module == self._names.to_main:
            module = "__main__"
        return super().find_class(module, name)


def dump(message: Call | Answer) -> bytes:
    """Return the bytes of a message.

    Raises:
        Exception: A value cannot be pickled.
    """
    return pickle.dumps(message)


def load(data: bytes, names: ModuleNames) -> Call | Answer:
    """Return the message of bytes.

    Args:
        data: The bytes.
        names: Where the classes of the operator's program are.

    Raises:
        Exception: A value cannot be made anew.
    """
    return _Unpickler(data, names).load()  # type: ignore[no-any-return]
