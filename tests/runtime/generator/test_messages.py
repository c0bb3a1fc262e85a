"""Messages about defaults are one line of a length that can be read, whatever the default is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from kaiwu_runtime.api import CEL, APIModel, CustomResource, Default, ExactlyOneOf, Format, resource, schema
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds

LONG = "x\n" * 5000
WORDS: Any = Literal[tuple(f"word{number}" for number in range(1000))]


class Choice(APIModel):
    first: str = LONG
    second: str | None = None


TYPES: dict[str, tuple[Any, Any]] = {
    "too long": (Annotated[str, Field(max_length=9)], LONG),
    "pattern": (Annotated[str, Field(pattern="^y$")], LONG),
    "format": (Annotated[str, Format("uuid")], LONG),
    "enumeration": (WORDS, LONG),
    "list": (Annotated[list[str], Field(max_length=1)], [LONG, LONG]),
    "mapping": (dict[str, Annotated[str, CEL("self == ''")]], {LONG: LONG}),
    "another type": (Annotated[int, Default(LONG)], 1),
    "not of its type": (int, LONG),
    "not JSON": (float, [float("nan")] * 5000),
    "surrogates": (str, LONG + "\ud800"),
    "optional": (str | None, LONG),
    "one of": (schema(ExactlyOneOf("first", "second"))(Choice), ...),
    "int of a text": (Annotated[str, CEL("int(self) > 1")], LONG),
    "duration of a text": (Annotated[str, CEL("duration(self) > duration('1s')")], LONG),
    "quantity of a text": (Annotated[str, CEL("quantity(self) == quantity('1')")], LONG),
}


@pytest.mark.parametrize("case", TYPES, ids=str)
def test_a_message_about_a_long_default_is_short(case: str) -> None:
    annotation, default = TYPES[case]
    spec: Any = create_model("Spec", __base__=APIModel, value=(annotation, default))
    kind = create_model("Long", __base__=CustomResource, spec=(spec, ...))
    with pytest.raises(DefinitionError) as caught:
        build_crds([resource(group="long.example.com", version="v1")(kind)])
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 900, message


def test_a_rule_with_a_long_chain_is_left_to_the_api_server() -> None:
    rule = " || ".join(f"self == {number}" for number in range(5000))
    spec: Any = create_model("Spec", __base__=APIModel, value=(Annotated[int, CEL(rule)], 7))
    kind = create_model("Long", __base__=CustomResource, spec=(spec, ...))
    assert build_crds([resource(group="long.example.com", version="v1")(kind)])
