"""Descriptions cut to a length."""

from __future__ import annotations

import pytest

from kaiwu_runtime.generator._descriptions import trim_descriptions
from kaiwu_runtime.generator._schema import Schema

TEXT = "One sentence. Another, with v1.2 in it! And a third"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (1000, TEXT),
        (len(TEXT), TEXT),
        (40, "One sentence. Another, with v1.2 in it!"),
        (30, "One sentence."),
        (13, "One sentence."),
        (5, "One s"),
        (4, "One"),
        (0, None),
    ],
)
def test_lengths(length: int, expected: str | None) -> None:
    assert trim_descriptions(Schema({"description": TEXT}), length).get("description") == expected


def test_every_level_is_cut_and_the_original_is_not() -> None:
    leaf = Schema({"type": "string", "description": "abc def"})
    schema = Schema(
        {
            "properties": {"a": leaf},
            "additionalProperties": Schema({"description": "abc def"}),
            "items": Schema({"description": "abc def"}),
        }
    )
    trimmed = trim_descriptions(schema, 3)
    assert trimmed.properties["a"]["description"] == "abc"
    assert trimmed["items"]["description"] == "abc"
    assert trimmed["additionalProperties"]["description"] == "abc"
    assert leaf["description"] == "abc def"


def test_a_field_called_description_is_left_alone() -> None:
    schema = Schema({"properties": {"description": Schema({"type": "string"})}})
    assert trim_descriptions(schema, 0).properties["description"] == {"type": "string"}
