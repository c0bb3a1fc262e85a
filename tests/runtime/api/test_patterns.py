"""A model accepts what its pattern means to Go, however the pattern is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, create_model
from typing_extensions import TypeAliasType

from kaiwu_runtime.api import APIModel
from kaiwu_runtime.api._reading_errors import explain

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "regexp" / "go_verdicts.json").read_text(encoding="utf-8")
)


def accepts(model: Any, value: Any) -> bool:
    try:
        model.model_validate({"value": value})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("engine", ["rust-regex", "python-re"])
def test_models_accept_what_go_finds(engine: Any) -> None:
    base: Any = type("Base", (APIModel,), {"model_config": ConfigDict(regex_engine=engine)})
    wrong = []
    for pattern, row in TABLE["verdicts"].items():
        if row is None or pattern == "^\\pL{1,253}$":
            continue
        fields: Any = {"value": (Annotated[str, Field(pattern=pattern)], ...)}
        model = create_model("Model", __base__=base, **fields)
        found = [number for number, text in enumerate(TABLE["texts"]) if accepts(model, text)]
        if found != row:
            wrong.append((pattern, found, row))
    assert wrong == []


DIGIT = Annotated[str, Field(pattern=r"^\d$")]
ALIAS = TypeAliasType("ALIAS", DIGIT)


class Inner(APIModel):
    digit: DIGIT


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (DIGIT, "1", "\u0661"),
        (DIGIT | None, "1", "\u0661"),
        (list[DIGIT], ["1"], ["\u0661"]),
        (dict[str, list[DIGIT]], {"a": ["1"]}, {"a": ["\u0661"]}),
        (ALIAS, "1", "\u0661"),
        (Inner, {"digit": "1"}, {"digit": "\u0661"}),
        (list[Inner], [{"digit": "1"}], [{"digit": "\u0661"}]),
        (Annotated[str, Field(pattern=re.compile("^[a-z]+$", re.IGNORECASE))], "ABC", "A1"),
        (Annotated[str, Field(pattern=re.compile(r"^\w$"))], "a", "ä"),
        (Annotated[str, Field(pattern=re.compile("^a$"))], "a", "a\n"),
        (Annotated[DIGIT, Field(pattern="[1-3]")], "2", "4"),
    ],
    ids=["field", "optional", "items", "deep items", "alias", "model", "models", "flags", "word", "end", "two"],
)
def test_wherever_a_pattern_stands(annotation: Any, right: Any, wrong: Any) -> None:
    fields: Any = {"value": (annotation, ...)}
    model = create_model("Model", __base__=APIModel, **fields)
    assert accepts(model, right)
    assert not accepts(model, wrong)
    assert TypeAdapter(list[model]).validate_python([{"value": right}])


def test_a_pattern_too_large_for_rust_is_left_to_the_api_server() -> None:
    fields: Any = {"value": (Annotated[str, Field(pattern=r"^\pL{1,253}$")], ...)}
    model = create_model("Model", __base__=APIModel, **fields)
    assert accepts(model, "abc")


@pytest.mark.parametrize("pattern", [r"^((100|[0-9]{1,2})%|[0-9]+)$", r"^\d+$", r"\Qa.b\E", "^[a-z]+$"])
def test_errors_show_the_pattern_that_was_written(pattern: str) -> None:
    fields: Any = {"value": (Annotated[str, Field(pattern=pattern)], ...)}
    model = create_model("Model", __base__=APIModel, **fields)
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"value": "!"})
    assert explain(caught.value) == f"Model: value: String should match pattern '{pattern}'"
