"""Exceptions as sentences; what `describe` makes of causes and groups is tested with the controller."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable

import pytest
from pydantic import BaseModel, ValidationError

from kaiwu_runtime._error_text import describe, encodable, invalid_fields, one_line, reason, summary


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Point(BaseModel):
    a: int
    b: int
    c: int
    d: int


@pytest.mark.parametrize("text", [one_line, summary, reason, describe])
@pytest.mark.parametrize(
    "error", [ValueError("a\n  b"), UnprintableError(), OSError(errno.EACCES, "no\nway"), TimeoutError()]
)
def test_every_error_is_one_line(text: Callable[[BaseException], str], error: BaseException) -> None:
    assert "\n" not in text(error)


def test_surrogates_are_replaced_so_that_the_text_can_be_sent() -> None:
    assert one_line(ValueError("caf\xe9 \U0001f600 \udcff")) == "caf\xe9 \U0001f600 ?"


def test_an_error_without_a_text_is_named() -> None:
    assert summary(UnprintableError()) == "UnprintableError"
    assert summary(KeyError()) == "KeyError"
    assert one_line(UnprintableError()) == ""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (TimeoutError(), "timed out"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (ssl.SSLError(1, "handshake"), "TLS: handshake"),
        (ValueError("broken\nfile"), "broken file"),
        (EOFError(), "EOFError"),
    ],
)
def test_why_a_connection_or_a_file_failed(error: BaseException, text: str) -> None:
    assert reason(error) == text


def test_fields_that_do_not_fit_are_named_without_their_values() -> None:
    with pytest.raises(ValidationError) as caught:
        Point.model_validate({"a": "secret", "b": "secret", "c": "secret", "d": "secret"})
    text = invalid_fields(caught.value.errors())
    assert text.startswith("a: Input should be a valid integer")
    assert text.endswith(" and 1 more")
    assert "secret" not in text


def test_halves_of_characters_become_question_marks() -> None:
    assert encodable("plain") == "plain"
    assert encodable("é\U0001f600") == "é\U0001f600"
    assert encodable("caf\udce9 \ud83d") == "caf? ?"
