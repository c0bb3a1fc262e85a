"""The verdicts of Go's regexp package, from a committed table; and what only the messages and notes are about."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kaiwu_runtime.regexp import PatternError, go_source, matches, parse

TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("go_verdicts.json").read_text(encoding="utf-8"))
TEXTS: list[str] = TABLE["texts"]


def ours(pattern: str) -> list[int] | None:
    try:
        parse(pattern)
    except PatternError:
        return None
    found = [matches(pattern, text) for text in TEXTS]
    return None if None in found else [number for number, each in enumerate(found) if each]


def test_the_verdicts_are_those_of_go() -> None:
    verdicts = TABLE["verdicts"]
    assert sum(row is None for row in verdicts.values()) > 200
    assert sum(row is not None for row in verdicts.values()) > 300
    # Rust compiles \pL{1,253} to more than its limit.
    different = {pattern for pattern, row in verdicts.items() if ours(pattern) != row} - {"^\\pL{1,253}$"}
    assert different == set()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(?=b)", "look-around does not exist in Go"),
        ("(?<!a)", "look-around does not exist in Go"),
        (r"(a)\1", r"a back reference such as '\\1' does not exist in Go"),
        (r"a\Z", r"the escape '\\Z' does not exist in Go: write $ or \z"),
        (r"\u0041", r"the escape '\\u' does not exist in Go: write the character itself, or \x{...}"),
        ("a++", "'++' repeats a repetition"),
        ("(?>a)", "an atomic group does not exist in Go"),
        ("(?x) a", "the flag '(?x' does not exist in Go"),
        ("a{1001}", "the repetition '{1001}' is not between 0 and 1000"),
        ("(a{40}){40}", "nested repetitions up to '{40}' exceed 1000 together"),
        ("(a", "a '(' has no closing ')'"),
        ("a)", "a ')' closes nothing"),
        ("*", "'*' has nothing to repeat"),
        ("\\", "it ends with a single"),
        ("\ud800", "half of a surrogate pair"),
        ("(" * 1200 + ")" * 1200, "nested deeper than the 1000 levels"),
        ("((a{100}){10}b{900}){9}" * 9000, "nested repetitions"),
        ("(" + "x" * 4000 + "){1000}", "too large for Go"),
    ],
)
def test_a_mistake_is_named(pattern: str, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse(pattern)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("pattern", "note"),
    [
        ("a{,5}", "Go reads '{,5}' as text: write {0,5} for a repetition"),
        ("a{,}", "Go reads '{,}' as text: write {0,} for a repetition"),
        ("a{01}", "Go reads '{01}' as text: write {1} for a repetition"),
        (r"\p{Letter}", "needs an API server built with Go 1.25 or newer"),
        ("a{b}", ""),
        ("{}", ""),
        (r"\p{Lu}", ""),
    ],
)
def test_what_reads_like_something_else_is_noted(pattern: str, note: str) -> None:
    notes = parse(pattern).notes
    assert any(note in each for each in notes) if note else notes == ()


@pytest.mark.parametrize(
    ("compiled", "source"),
    [
        (re.compile("a"), "a"),
        (re.compile("a", re.IGNORECASE), "(?i)a"),
        (re.compile("(?i)a"), "(?i)a"),
        (re.compile("(?i)a", re.MULTILINE | re.DOTALL), "(?ms)(?i)a"),
        (re.compile("a", re.ASCII), "a"),
        (re.compile(r"\d", re.UNICODE), r"\d"),
    ],
)
def test_flags_are_carried_over(compiled: re.Pattern[str], source: str) -> None:
    assert go_source(compiled) == source


@pytest.mark.parametrize(
    ("compiled", "message"),
    [
        (re.compile("a", re.VERBOSE), "VERBOSE does not exist in Go"),
        (re.compile("(?x)a"), "VERBOSE does not exist in Go"),
        (re.compile(b"a"), "a pattern of bytes"),
        (re.compile("a{,5}"), "Go reads '{,5}' as text"),
        (re.compile(r"a\Z"), r"write $ or \z"),
        (re.compile("a(?=b)"), "look-around"),
        (re.compile("[^[:a:]]"), "Go reads"),
    ],
)
@pytest.mark.filterwarnings("ignore:Possible nested set")
def test_what_python_means_otherwise_is_refused(compiled: Any, message: str) -> None:
    if compiled.pattern == "[^[:a:]]":
        message = "'[:a:]' is not a class"
    with pytest.raises(PatternError, match=re.escape(message)):
        go_source(compiled)


@pytest.mark.parametrize("pattern", ["^[a-z]+$", r"\d{2,}", "(?:a|b)", "(?<n>a)", r"\x41", r"\n\t"])
def test_what_javascript_knows_is_portable(pattern: str) -> None:
    assert parse(pattern).portable


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)a",
        "(?i:a)",
        "(?P<n>a)",
        r"\Aa",
        r"a\z",
        r"\Qa\E",
        r"\pL",
        r"[\p{Greek}]",
        "[[:alpha:]]",
        r"\x{41}",
        r"\a",
        r"\101",
    ],
)
def test_what_javascript_does_not_know_is_not(pattern: str) -> None:
    assert not parse(pattern).portable
