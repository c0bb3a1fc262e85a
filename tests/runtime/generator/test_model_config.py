"""Every setting of pydantic's ``model_config``: refused, or what is read and written is as the CRD says."""

from __future__ import annotations

import enum
import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field, StringConstraints, create_model

from kaiwu_runtime.api import (
    APIModel,
    Base64Bytes,
    CustomResource,
    Duration,
    Float,
    IntOrString,
    Quantity,
    Time,
    resource,
)
from kaiwu_runtime.client._pydantic_models import dump_model
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import resource_schema
from kaiwu_runtime.generator._model_config import HARMLESS, REFUSED
from kaiwu_runtime.generator._schema import plain


class Color(enum.Enum):
    RED = "red"


class Part(APIModel):
    size: int = 1


# A value that is not the default for each setting.
VALUES: dict[str, Any] = {
    "alias_generator": lambda name: name.upper(),
    "allow_inf_nan": False,
    "arbitrary_types_allowed": True,
    "cache_strings": "none",
    "coerce_numbers_to_str": True,
    "defer_build": True,
    "extra": "forbid",
    "field_title_generator": lambda name, _: name,
    "from_attributes": True,
    "frozen": True,
    "hide_input_in_errors": True,
    "ignored_types": (Color,),
    "json_encoders": {str: str},
    "json_schema_extra": {"a": 1},
    "json_schema_mode_override": "validation",
    "json_schema_serialization_defaults_required": True,
    "loc_by_alias": False,
    "model_title_generator": lambda _: "a",
    "plugin_settings": {"a": 1},
    "polymorphic_serialization": True,
    "populate_by_name": False,
    "protected_namespaces": ("a_",),
    "regex_engine": "python-re",
    "revalidate_instances": "always",
    "schema_generator": None,
    "ser_json_bytes": "hex",
    "ser_json_inf_nan": "strings",
    "ser_json_temporal": "seconds",
    "ser_json_timedelta": "float",
    "serialize_by_alias": False,
    "str_max_length": 3,
    "str_min_length": 2,
    "str_strip_whitespace": True,
    "str_to_lower": True,
    "str_to_upper": True,
    "strict": True,
    "title": "A",
    "url_preserve_empty_path": True,
    "use_attribute_docstrings": False,
    "use_enum_values": True,
    "val_json_bytes": "hex",
    "val_temporal_unit": "milliseconds",
    "validate_assignment": True,
    "validate_by_alias": False,
    "validate_by_name": False,
    "validate_default": True,
    "validate_return": True,
    "validation_error_cause": True,
}

CONTENT = {
    "name": " Some Text ",
    "nodeCount": 3,
    "color": "red",
    "word": "a",
    "when": "2024-01-01T00:00:00Z",
    "took": "5s",
    "memory": "10Gi",
    "port": "http",
    "data": "AAAA",
    "ratio": 1.5,
    "labels": {"a label": " Its Value "},
    "names": [" a "],
    "part": {"size": 2},
    "matched": "aaa",
}


def kind(**settings: Any) -> Any:
    """Return a kind whose spec has a field of each type and the settings."""

    class Spec(APIModel):
        model_config = ConfigDict(**settings)  # type: ignore[typeddict-item]
        name: str
        node_count: int
        color: Color
        word: Literal["a", "b"]
        when: Time
        took: Duration
        memory: Quantity
        port: IntOrString
        data: Base64Bytes
        ratio: Float
        labels: dict[str, str]
        names: list[str]
        part: Part
        matched: Annotated[str, Field(pattern="^a+$")]

    model = create_model("Thing", __base__=CustomResource, spec=(Spec, ...))
    return resource(group="a.example.com", version="v1")(model)


def test_the_table_has_every_setting_of_pydantic() -> None:
    assert set(ConfigDict.__annotations__) - HARMLESS - set(REFUSED) == set()
    assert not HARMLESS & set(REFUSED)
    assert VALUES.keys() == HARMLESS | set(REFUSED)


@pytest.mark.parametrize("setting", sorted(REFUSED))
def test_it_is_refused(setting: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        resource_schema(kind(**{setting: VALUES[setting]}))
    assert str(caught.value).startswith(f"Spec: {setting}")
    assert " in model_config " in str(caught.value)


@pytest.mark.parametrize("setting", sorted(REFUSED))
def test_its_own_default_is_not(setting: str) -> None:
    for value in REFUSED[setting][0]:
        assert resource_schema(kind(**{setting: value})) == resource_schema(kind())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("setting", sorted(HARMLESS))
def test_what_is_read_and_written_is_what_the_crd_says(setting: str) -> None:
    thing = kind(**{setting: VALUES[setting]})
    schema = plain(resource_schema(thing))["properties"]["spec"]
    names = dict(zip(CONTENT, schema["properties"], strict=True))
    content = {names[name]: value for name, value in CONTENT.items()}
    found = thing.model_validate_json(json.dumps({"spec": content}))
    assert json.loads(dump_model(found))["spec"] == content
    if setting not in {"alias_generator", "title", "field_title_generator"}:
        assert schema == plain(resource_schema(kind()))["properties"]["spec"]


def test_the_lengths_of_string_constraints_are_in_the_crd() -> None:
    class Spec(APIModel):
        name: Annotated[str, StringConstraints(min_length=1, max_length=3, pattern="^a", strict=True)]

    model = create_model("Thing", __base__=CustomResource, spec=(Spec, ...))
    schema = plain(resource_schema(resource(group="a.example.com", version="v1")(model)))["properties"]["spec"]
    assert schema["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"}
