"""Markers with arguments of other types than they are declared with: one line that names what they may be."""

from __future__ import annotations

from typing import Any

import pytest

import kaiwu_runtime.api
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._marker_checks import check_markers

api: Any = kaiwu_runtime.api  # as Python takes it, whatever the types say
REASONS = "FieldValueInvalid, FieldValueForbidden, FieldValueRequired, FieldValueDuplicate"


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        (api.ListType("bag"), "ListType(type=...): 'bag' is not one of atomic, set, map"),
        (api.MapType("loose"), "MapType(type=...): 'loose' is not one of granular, atomic"),
        (api.StructType(""), "StructType(type=...): '' is not one of granular, atomic"),
        (
            api.SchemaType("int"),
            "SchemaType(type=...): 'int' is not one of string, integer, number, boolean, object, array",
        ),
        (api.CEL("true", reason="Bad"), f"CEL(reason=...): 'Bad' is not one of {REASONS}"),
        (api.ListType(5), "ListType(type=...): Expected `str`, got `int`"),
        (api.Format(5), "Format(format=...): Expected `str`, got `int`"),
        (api.ListMapKeys(5), "ListMapKeys(...) takes names of fields, not (5,)"),
        (api.ListType, "ListType stands there without its arguments: write ListType()"),
    ],
)
def test_a_wrong_argument_is_named(marker: object, text: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        check_markers([marker], "Spec.value")
    assert str(caught.value) == f"Spec.value: {text}"


@pytest.mark.parametrize(
    "marker",
    [
        api.ListType("set"),
        api.MapType("atomic"),
        api.CEL("true"),
        api.CEL("true", reason="FieldValueInvalid"),
        object(),
        5,
    ],
)
def test_a_right_argument_is_accepted(marker: object) -> None:
    check_markers([marker], "Spec.value")
