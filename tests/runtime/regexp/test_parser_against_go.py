"""The same verdicts and the same matches as Go's regexp package, on patterns of all kinds."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaiwu_runtime.regexp import PatternError, matches, parse
from kaiwu_runtime.regexp._unicode_names import _CATEGORIES, _SCRIPTS

from .judge import Judge
from .patterns import TEXTS, mostly_right, soup, table_patterns, texts, with_mistakes

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.skipif(not Judge.available(), reason="there is no Go toolchain of 1.25 or newer")

TABLE = Path(__file__).with_name("go_verdicts.json")

questions = st.lists(
    st.tuples(st.one_of(mostly_right, with_mistakes, soup), st.lists(texts, max_size=6)), min_size=20, max_size=60
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("judge"))


def disagreements(judge: Judge, asked: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    found = []
    for (pattern, tried), verdict in zip(asked, judge.ask(asked), strict=True):
        try:
            parse(pattern)
        except PatternError as error:
            if not verdict.error or "\n" in str(error):
                found.append(f"{pattern!r}: Go compiles it, we say: {error}")
            continue
        if verdict.error:
            found.append(f"{pattern!r}: Go says {verdict.error!r}, we compile it")
            continue
        ours = [matches(pattern, text) for text in tried]
        found += [
            f"{pattern!r} in {text!r}: Go says {theirs}, we say {our} with {parse(pattern).rust!r}"
            for text, theirs, our in zip(tried, verdict.matches, ours, strict=True)
            if our is not None and our != theirs
        ]
    return found


@settings(max_examples=60, deadline=None)
@given(questions)
def test_verdicts_and_matches_are_those_of_go(judge: Judge, asked: list[tuple[str, list[str]]]) -> None:
    assert disagreements(judge, asked) == []


def test_every_unicode_class_means_the_same(judge: Judge) -> None:
    """Characters that Unicode has assigned after 15.0, which Go has, belong to nothing there and may here."""
    characters = [chr(rune) for rune in range(0, 0x20000, 61) if unicodedata.category(chr(rune)) not in {"Cn", "Cs"}]
    names = [name for text in (_CATEGORIES, _SCRIPTS, "Any Assigned ASCII") for name in text.split()]
    asked = [(f"{flags}\\p{{{name}}}", characters) for name in names for flags in ("", "(?i)")]
    assert disagreements(judge, asked) == []


def test_the_committed_table_is_what_go_says(judge: Judge) -> None:
    """With ``REGENERATE=1`` in the environment the table is written again."""
    patterns = table_patterns()
    verdicts = judge.ask([(pattern, TEXTS) for pattern in patterns])
    rows = {
        pattern: None if verdict.error else [number for number, found in enumerate(verdict.matches) if found]
        for pattern, verdict in zip(patterns, verdicts, strict=True)
    }
    lines = ",\n".join(f"{json.dumps(pattern)}: {json.dumps(row)}" for pattern, row in rows.items())
    text = f'{{"texts": {json.dumps(TEXTS)},\n"verdicts": {{\n{lines}\n}}}}\n'
    if os.environ.get("REGENERATE"):
        TABLE.write_text(text, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == text
