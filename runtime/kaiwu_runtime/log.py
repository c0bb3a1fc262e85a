"""Structured logs: JSON in a cluster, readable lines on a terminal, with the object at hand on every line.

Everything goes through the standard ``logging`` module. ``extra={"replicas": 3}`` adds fields to a line, and the
fields of :func:`bound` are on every line inside its block, also in the code of a reconciler that knows nothing of it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, TextIO

LogFormat = Literal["auto", "console", "json"]
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_bound: ContextVar[Mapping[str, object]] = ContextVar("kaiwu_log_fields", default=MappingProxyType({}))
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
_SECRET_WORDS = ("token", "password", "secretdata", "authorization", "privatekey", "private_key")
_HIDDEN = "(hidden)"
_CREDENTIALS = re.compile(
    r"(?P<keep>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # a JSON Web Token, as service accounts have
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\w+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
    r"|(?P<scheme>://)[^/\s:@\"']*:[^/\s@\"']+(?=@)",
    re.IGNORECASE,
)
_COLOURS = {"DEBUG": "\x1b[2m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}
_RESET = "\x1b[0m"


class bound:  # noqa: N801 - used like a function
    """Put fields on every line that is logged inside the block, by this task and the threads it starts.

    A class because each reconcile enters it: what contextlib makes of a generator costs three times as much.
    """

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._token = _bound.set({**_bound.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        _bound.reset(self._token)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a line: those bound around it, then its own; a secret's value is never among them."""
    own = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
    nested = own.pop("fields", None)
    if isinstance(nested, Mapping):  # for names that logging keeps for itself, such as "name"
        own.update(nested)
    return _loggable({**_bound.get(), **own})


def _loggable(fields: Mapping[Any, object]) -> dict[str, object]:
    return {str(name): _HIDDEN if _is_secret(str(name)) else _value(value) for name, value in fields.items()}


def _value(value: object) -> object:
    """Return what a line shows of a value: of an object its name only, for it may be a Secret."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} bytes)"
    if isinstance(value, Mapping):
        return _loggable(value)
    metadata = getattr(value, "metadata", None)
    if metadata is not None:
        namespace, name = getattr(metadata, "namespace", None), getattr(metadata, "name", None)
        return f"{type(value).__name__} {namespace}/{name}" if namespace else f"{type(value).__name__} {name}"
    if isinstance(value, list | tuple) and type(value) in {list, tuple}:
        return [_value(entry) for entry in value]
    return str(value)


def redact(text: str) -> str:
    """Replace what looks like a credential, whoever put it into a message or an exception."""
    return _CREDENTIALS.sub(lambda found: (found["keep"] or found["scheme"] or "") + _HIDDEN, text)


def identifier() -> str:
    """Return a random UUID, for a reconcile's lines or a process's name; see :class:`Identifier`.

    The uuid module would ask which platform this is, for the sake of other kinds of UUID.

    See https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4
    """
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Identifier:
    """An :func:`identifier` that is made when a line shows it for the first time: most reconciles log nothing."""

    __slots__ = ("_text",)

    def __init__(self) -> None:
        self._text = ""

    def __str__(self) -> str:
        if not self._text:
            self._text = identifier()
        return self._text


def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)


class JSONFormatter(logging.Formatter):
    """One JSON object per line, with the names controller-runtime's logs have."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "level": record.levelname.lower(),
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
            "msg": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, default=str, ensure_ascii=False))


class ConsoleFormatter(logging.Formatter):
    """A line for a person: time, level, message, then the fields.

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
        fields = " ".join(f"{name}={_shown(value)}" for name, value in fields_of(record).items())
        line = f"{time} {level} {record.getMessage()}" + (f"  {fields}" if fields else "")
        return redact(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever was logged
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(char in text for char in ' "=\n') else text


def configure(*, level: str = "info", format: LogFormat = "auto", stream: TextIO | None = None) -> None:  # noqa: A002
    """Send every log line to one stream.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        format: ``console``, ``json``, or ``auto``: console when the stream is a terminal.
        stream: Default is standard error.
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
