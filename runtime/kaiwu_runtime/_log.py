"""Structured logs: JSON in a cluster, readable lines on a terminal, with the current object on every line.

All lines go through the standard ``logging`` module. ``extra={"replicas": 3}`` adds fields to a line, and the fields of
:func:`bound` are added to every line inside its block, including lines of the reconciler and of libraries.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections import deque
from collections.abc import Callable, ItemsView, KeysView, Mapping, ValuesView
from contextvars import ContextVar
from dataclasses import is_dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, TextIO

from kaiwu_runtime._redaction import HIDDEN, LAST_APPLIED, has_secret, is_secret_name, redact

LogFormat = Literal["auto", "console", "json"]
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_bound: ContextVar[Mapping[str, object]] = ContextVar("kaiwu_log_fields", default=MappingProxyType({}))
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
# Characters with a special meaning for a terminal or for a program that reads lines: controls, other line ends, marks
# that change the direction of text, and lone surrogates, which cannot be encoded.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_DEPTH = 8
"""Maximum depth of nested collections that is shown in a field."""

_COLOURS = {"DEBUG": "\x1b[2m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}
_RESET = "\x1b[0m"


class bound:  # noqa: N801 - used like a function
    """Add fields to every line that is logged inside the block, by this task and the threads it starts.

    This is a class because each reconcile enters it: a generator with contextlib costs three times as much.
    """

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._token = _bound.set({**_bound.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        _bound.reset(self._token)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a line: first the bound ones, then its own; values of secrets are hidden."""
    own = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
    nested = own.pop("fields", None)
    if isinstance(nested, Mapping):  # for names that logging reserves, such as "name"
        own.update(nested)
    return _loggable({**_bound.get(), **own})


def _loggable(fields: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
    if depth > _DEPTH:
        return {"...": "..."}
    hidden = {name for name in fields if is_secret_name(str(name)) and not _is_plain(fields[name])}
    if LAST_APPLIED in fields and has_secret(LAST_APPLIED, fields[LAST_APPLIED]):
        hidden.add(LAST_APPLIED)
    if str(fields.get("kind", "")) == "Secret":
        hidden |= {"data", "stringData"}
    # A variable of a container's environment, for example.
    name = fields.get("name")
    if isinstance(name, str) and "value" in fields and is_secret_name(name):
        hidden.add("value")
    return {str(name): HIDDEN if name in hidden else _value(value, depth) for name, value in fields.items()}


def _is_plain(value: object) -> bool:
    """Return whether a value cannot be a credential: a number of tokens, for example."""
    return value is None or isinstance(value, bool | int | float)


def _value(value: object, depth: int = 0) -> object:
    """Return the loggable form of a value: only the name of an object, because it may be a Secret."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} bytes)"
    if isinstance(value, Mapping):
        return _loggable(value, depth + 1)
    metadata = getattr(value, "metadata", None)
    if metadata is not None:
        namespace, name = getattr(metadata, "namespace", None), getattr(metadata, "name", None)
        return f"{type(value).__name__} {namespace}/{name}" if namespace else f"{type(value).__name__} {name}"
    if _is_record(value):
        return type(value).__name__
    if isinstance(value, list | tuple | set | frozenset | deque | ValuesView | KeysView) and not _has_own_text(value):
        return ["..."] if depth > _DEPTH else [_value(entry, depth + 1) for entry in value]
    if isinstance(value, ItemsView):
        return _loggable(dict(value), depth + 1)
    return _text(value)


def _is_record(value: object) -> bool:
    """Return whether the text of an object would contain all of its fields: a model, a struct, a dataclass."""
    kind = type(value)
    if hasattr(kind, "__pydantic_fields__") or hasattr(kind, "__struct_fields__") or hasattr(kind, "__attrs_attrs__"):
        return True
    return is_dataclass(kind) and kind.__str__ is object.__str__


def _has_own_text(value: object) -> bool:
    """Return whether the class of a collection defines its own text, as ObjectKey does."""
    return type(value).__str__ is not object.__str__


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a line that cannot show all is better than none
        return f"({type(value).__name__}: {type(error).__name__})"


def _message(record: logging.LogRecord) -> str:
    """Return the message, with objects in the same form as in fields."""
    text = record.msg if isinstance(record.msg, str) else str(_value(record.msg))
    if not record.args:
        return text
    arguments: Any = record.args
    try:
        if isinstance(arguments, Mapping):
            return text % _loggable(arguments)
        return text % tuple(_argument(value) for value in arguments)
    except (TypeError, ValueError, KeyError):
        # An invalid call; logging itself would write a stack trace to standard error each time.
        return f"{text} {_value(tuple(arguments))}"


def _argument(value: object) -> object:
    # An exception is shown by its text, and %d needs a number.
    return value if isinstance(value, str | int | float | BaseException) else _value(value)


def identifier() -> str:
    """Return a random UUID, for the lines of a reconcile or the name of a process; see :class:`Identifier`.

    The uuid module is slow to import, because it detects the platform for other kinds of UUID.

    See https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4
    """
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Identifier:
    """An :func:`identifier` that is created when a line first shows it, because most reconciles log nothing."""

    __slots__ = ("_text",)

    def __init__(self) -> None:
        self._text = ""

    def __str__(self) -> str:
        if not self._text:
            self._text = identifier()
        return self._text


class JSONFormatter(logging.Formatter):
    """Format lines as JSON objects, with the field names of controller-runtime's logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "level": record.levelname.lower(),
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
            "msg": _message(record),
            **fields_of(record),
        }
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return _escaped(redact(json.dumps(line, default=_text, ensure_ascii=False)), _json_escape)


class ConsoleFormatter(logging.Formatter):
    """Format lines for people: time, level, message, then the fields.

    Args:
        colour: Whether levels are coloured.
    """

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        level = f"{record.levelname:<7}"
        if self._colour and record.levelname in _COLOURS:
            level = f"{_COLOURS[record.levelname]}{level}{_RESET}"
        fields = " ".join(f"{_printable(name)}={_shown(value)}" for name, value in fields_of(record).items())
        line = f"{time} {level} {_printable(_message(record))}" + (f"  {fields}" if fields else "")
        if record.exc_info:
            # Indented, so that its lines cannot be mistaken for lines of the log.
            stack = self.formatException(record.exc_info).split("\n")
            line = "\n".join([line, *(f"    {_printable(part)}" for part in stack)])
        return redact(line)


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever was logged
    text = _text(value)
    if not text or any(char in text for char in ' "=') or _UNPRINTABLE.search(text):
        text = json.dumps(text, ensure_ascii=False)
    return _printable(text)


def _printable(text: str) -> str:
    return _escaped(text, _console_escape)


def _escaped(text: str, escape: Callable[[re.Match[str]], str]) -> str:
    return text if text.isprintable() else _UNPRINTABLE.sub(escape, text)


def _json_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _console_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT_ESCAPES.get(found[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def configure(*, level: str = "info", format: LogFormat = "auto", stream: TextIO | None = None) -> None:  # noqa: A002
    """Send all log lines to one stream.

    Args:
        level: Minimum level: ``debug``, ``info``, ``warning`` or ``error``.
        format: ``console``, ``json``, or ``auto``: console if the stream is a terminal.
        stream: Default: standard error.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    console = format == "console" or (format == "auto" and terminal)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ConsoleFormatter(colour=terminal) if console else JSONFormatter())
    root = logging.getLogger()
    for existing in list(root.handlers):
        root.removeHandler(existing)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
