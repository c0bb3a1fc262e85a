"""A module with a statement that the writer of types did not make is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwuctl.errors import CRDError
from kaiwuctl.importer.crd import import_crd
from kaiwuctl.importer.module_check import check_module

from .round_trip import crd_of

SPEC = {
    "type": "object",
    "description": "What it is.",
    "properties": {
        "first": {"type": "string", "description": "One.", "default": "a"},
        "second": {"type": "array", "items": {"type": "integer", "minimum": -5}},
    },
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """Return the module of a kind, and what the check gets beside it."""
    found: list[tuple[Any, ...]] = []
    with monkeypatch.context() as patch:
        patch.setattr("kaiwuctl.importer.module.check_module", lambda *arguments: found.append(arguments))
        import_crd(crd_of(SPEC))
    return found[0]


def test_what_was_written_passes(written: tuple[Any, ...]) -> None:
    check_module(*written)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("    first: str", "    import os\n    first: str"),
        ("    first: str", "    other: str\n    first: str"),
        ("    first: str", "    print()\n    first: str"),
        ('"""One."""', '"""One."""; print()'),
        ('"""One."""', '"""Two."""'),
        ('"""One."""', '"""One.""" + print()'),
        ('"""One."""', ""),
        ('= "a"', '= print("a")'),
        ('= "a"', '= "a".upper()'),
        ('= "a"', "= (lambda: 0)()"),
        ('= "a"', "= [each for each in ()]"),
        ('= "a"', '= f"{print()}"'),
        ("first: str", "first: __import__('os').name"),
        ("class Widget(CustomResource)", "class Widget(CustomResource, metaclass=print)"),
        ("class Widget(CustomResource)", "class Widget(print())"),
        ("@resource(", "@print\n@resource("),
        ("from typing import Annotated", "from typing import Annotated, Any"),
        ("from typing import Annotated", "from typing import Any as Annotated"),
        ("from typing import Annotated", "from os import Annotated"),
        ("from typing import Annotated", "from typing import Annotated\nimport os"),
        ("imported from its CRD", "imported"),
        ("\n\n\nclass", "\n\n\nprint()\n\n\nclass"),
    ],
)
def test_what_was_not_written_is_refused(written: tuple[Any, ...], text: str, instead: str) -> None:
    source, *expected = written
    assert text in source
    with pytest.raises(CRDError, match=r"the types of Widget were not written: a text of the CRD would become code"):
        check_module(source.replace(text, instead, 1), *expected)


def test_a_statement_at_the_end_is_refused(written: tuple[Any, ...]) -> None:
    source, *expected = written
    with pytest.raises(CRDError, match=r"would become code in Python \(line \d+\)"):
        check_module(f"{source}print()\n", *expected)


@pytest.mark.parametrize("end", ["x = (", "\x00", "'"])
def test_what_is_not_python_is_refused(written: tuple[Any, ...], end: str) -> None:
    source, *expected = written
    with pytest.raises(CRDError, match=r"the types of Widget cannot be written in Python"):
        check_module(f"{source}{end}", *expected)


def test_a_default_that_python_cannot_nest_is_refused() -> None:
    value: Any = "a"
    for _ in range(250):
        value = [value]
    with pytest.raises(CRDError, match=r"cannot be written in Python: a default, .* is nested too deeply"):
        import_crd(crd_of({"x-kubernetes-preserve-unknown-fields": True, "default": value}))
