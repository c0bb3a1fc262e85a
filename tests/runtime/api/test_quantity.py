# ruff: noqa: E501 - rows of a table read better on one line
"""Quantities: Kubernetes' own amounts, exactly."""

from __future__ import annotations

import re
from decimal import Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, create_model

from kaiwu_runtime.api import APIModel, Quantity, compare_quantities, parse_quantity
from kaiwu_runtime.api._quantity import QUANTITY_PATTERN


class Disk(APIModel):
    size: Quantity = "10Gi"
    spare: Quantity | None = None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1.5", "-1.5"),
        ("1.", "1"),
        (".5", "0.5"),
        ("500m", "0.5"),
        ("1u", "0.000001"),
        ("3n", "0.000000003"),
        ("2k", "2000"),
        ("1M", "1000000"),
        ("1G", "1000000000"),
        ("1T", "1000000000000"),
        ("1P", "1000000000000000"),
        ("1E", "1000000000000000000"),
        ("1Ki", "1024"),
        ("1.5Mi", "1572864"),
        ("1Gi", "1073741824"),
        ("1Ti", "1099511627776"),
        ("1Pi", "1125899906842624"),
        ("1Ei", "1152921504606846976"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("12E+2", "1200"),
    ],
)
def test_amounts(text: str, amount: str) -> None:
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 Gi", "Gi", "1gi", "1K", "1mi", "one", "1e", "1e1.5", "1e1000", "--1", "1.2.3", "1Gi\n", "٣", "inf", "nan", "."],
)  # fmt: skip
def test_not_a_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid quantity: write a number with an optional suffix"):
        parse_quantity(text)
    with pytest.raises(ValidationError, match="is not a valid quantity"):
        Disk(size=text)


@pytest.mark.parametrize("value", [1.5, True, None, [], {}])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Disk.model_validate({"size": value})


def test_it_serialises_as_it_was_written() -> None:
    disk = Disk(size="1024Mi")
    assert disk.model_dump(by_alias=True, exclude_none=True) == {"size": "1024Mi"}
    assert disk.model_dump_json(exclude_none=True) == '{"size":"1024Mi"}'
    assert type(disk.size) is str


def test_an_integer_of_the_api_server_becomes_a_string() -> None:
    assert Disk.model_validate({"size": 3}).size == "3"
    assert Disk.model_validate_json('{"size": 3, "spare": null}').spare is None


@pytest.mark.parametrize(
    ("annotation", "default", "read"),
    [
        (Quantity, 3, "3"),
        (Quantity, "3", "3"),
        (Quantity | None, 3, "3"),
        (Quantity | None, None, None),
        (list[Quantity], [3, "1Gi"], ["3", "1Gi"]),
        (dict[str, Quantity], {"cpu": 3}, {"cpu": "3"}),
        (dict[str, list[Quantity | None]], {"cpu": [3, None]}, {"cpu": ["3", None]}),
        (Annotated[Quantity, Field(description="size")], 3, "3"),
        (Quantity | bool, True, True),
        (Quantity | int | None, 3, 3),
        (int, 3, 3),
        (list[int], [3], [3]),
        (Any, [3], [3]),
    ],
)
def test_a_default_is_what_it_is_read_back_as(annotation: Any, default: Any, read: Any) -> None:
    model: Any = create_model("Default", __base__=APIModel, size=(annotation, default))
    assert repr(vars(model())["size"]) == repr(read)
    inherited: Any = create_model("Inherited", __base__=model)
    assert repr(vars(inherited())["size"]) == repr(read)
    assert model.model_fields["size"].get_default() == read


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [("1Gi", "1024Mi", 0), ("1G", "1Gi", -1), ("1", "999m", 1), ("0", "-1", 1), (2, "2000m", 0)],
)
def test_comparison(left: str | int, right: str, order: int) -> None:
    assert compare_quantities(left, right) == order
    assert compare_quantities(right, left) == -order


@given(st.from_regex(QUANTITY_PATTERN, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_whatever_matches_the_pattern_is_a_quantity(text: str) -> None:
    assert parse_quantity(text.removesuffix("\n")) == parse_quantity(Disk(size=text.removesuffix("\n")).size)


@given(st.text(alphabet="0123456789.+-eEKMGTPimnuk ", max_size=8))
def test_the_pattern_and_the_parser_agree(text: str) -> None:
    matches = re.search(QUANTITY_PATTERN.replace("$", r"\Z"), text) is not None
    try:
        parse_quantity(text)
    except ValueError:
        assert not matches
    else:
        assert matches


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234567Ki", Fraction(1234567 * 1024)),
        ("1234567e3", Fraction(1234567000)),
        (f"{'1' * 40}Ki", Fraction(int("1" * 40) * 1024)),
        ("12345678901234567890.123456789Gi", Fraction("12345678901234567890.123456789") * 2**30),
    ],
)
def test_amounts_are_exact_whatever_precision_a_project_has_set(text: str, amount: Fraction) -> None:
    assert Fraction(parse_quantity(text)) == amount
    with localcontext() as context:
        context.prec = 6
        assert Fraction(parse_quantity(text)) == amount
        context.traps[Inexact] = True
        assert compare_quantities(text, text) == 0


def test_a_long_text_that_is_none_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match=r"^'x{77}'\.\.\. is not a valid quantity: "):
        parse_quantity("x" * 5000)
