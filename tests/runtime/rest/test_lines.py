"""Lines are the same however a stream is cut into chunks."""

from __future__ import annotations

import random

import pytest

from kaiwu_runtime.rest import _lines as module
from kaiwu_runtime.rest._connection import BrokenConnectionError
from kaiwu_runtime.rest._lines import LineSplitter


@pytest.mark.parametrize("seed", range(200))
def test_lines_do_not_depend_on_the_chunks(seed: int) -> None:
    chance = random.Random(seed)
    text = bytes(chance.choice(b"\n\n\r a{}\x00\xff") for _ in range(chance.randrange(60)))
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randrange(8)))
    splitter, lines = LineSplitter(), list[bytes]()
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        lines += splitter.feed(text[start:end])
    *whole, rest = text.split(b"\n")
    assert lines == [line for line in whole if line]
    assert splitter.feed(b"\n") == ([rest] if rest else [])


def test_a_line_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE", 100)
    splitter = LineSplitter()
    for _ in range(50):
        assert splitter.feed(b"x" * 50 + b"y" * 49) == []
        assert splitter.feed(b"\n") == [b"x" * 50 + b"y" * 49]
    splitter.feed(b"x" * 100)
    with pytest.raises(BrokenConnectionError, match="longer than 100 bytes"):
        splitter.feed(b"x")


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_line_may_be_cut(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(module, "MAX_LINE", 100)
    splitter, lines = LineSplitter(cut=40), list[bytes]()
    text = b"a" * 1000 + b"\nshort\n" + b"b" * 1000 + b"\n"
    for start in range(0, len(text), size):
        lines += splitter.feed(text[start : start + size])
    assert [line[:40] for line in lines] == [b"a" * 40, b"short", b"b" * 40]
    assert all(len(line) <= 40 + 2 * size for line in lines)
