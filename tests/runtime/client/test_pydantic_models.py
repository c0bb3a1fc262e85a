"""What a model's own way of reading itself changes, and that every field is searched for changes in place."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Field

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.client import decode, encode


class Part(APIModel):
    names: list[str] = Field(default_factory=list)


def _reader(cls: type[Any], data: bytes) -> Any:
    content = {**json.loads(data), "spec": {"names": ["read"]}}
    return cls.model_validate(content)


@resource(group="models.example.com", version="v1")
class Plain(CustomResource):
    spec: Part = Part()


@resource(group="models.example.com", version="v1")
class WithClassMethod(CustomResource):
    spec: Part = Part()
    model_validate_json = classmethod(_reader)  # type: ignore[assignment, pydantic-field]


@resource(group="models.example.com", version="v1")
class WithStaticMethod(CustomResource):
    spec: Part = Part()
    model_validate_json = staticmethod(lambda data: _reader(WithStaticMethod, data))  # type: ignore[assignment, pydantic-field]


@resource(group="models.example.com", version="v1")
class Later(CustomResource):
    spec: Unknown = None  # type: ignore[name-defined]  # noqa: F821 - completed below


@pytest.mark.parametrize(
    ("kind", "names"), [(Plain, ["sent"]), (WithClassMethod, ["read"]), (WithStaticMethod, ["read"])]
)
def test_a_model_may_read_itself(kind: type[Any], names: list[str]) -> None:
    assert decode(kind, b'{"metadata":{"name":"a"},"spec":{"names":["sent"]}}').spec.names == names


def test_a_model_may_be_completed_after_it_was_used() -> None:
    document = b'{"metadata":{"name":"a"},"spec":{"names":["late"]}}'
    with pytest.raises(Exception, match="not fully defined"):
        decode(Later, document)
    Later.model_rebuild(_types_namespace={"Unknown": Part})
    assert decode(Later, document).spec.names == ["late"]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize(
    "holder",
    [
        lambda part: {"annotation": Part, "value": part},
        lambda part: {"annotation": Part | None, "value": part},
        lambda part: {"annotation": list[Part], "value": [part]},
        lambda part: {"annotation": dict[str, Part], "value": {"x": part}},
        lambda part: {"annotation": Part | str, "value": part},
        lambda part: {"annotation": Any, "value": part},
        lambda part: {"annotation": list[list[Part]], "value": [[part]]},
        lambda part: {"annotation": tuple[Part, ...], "value": (part,)},
        lambda part: {"annotation": Annotated[str, AfterValidator(lambda _: part)], "value": "x"},
    ],
)
def test_a_change_inside_a_field_that_was_set_is_sent(holder: Any) -> None:
    part = Part()
    made = holder(part)
    spec: Any = type("Spec", (APIModel,), {"__annotations__": {"field": made["annotation"]}})
    kind: Any = type("Held", (CustomResource,), {"__annotations__": {"spec": spec}, "__module__": __name__})
    kind = resource(group="models.example.com", version="v1")(kind)
    obj = kind(spec=spec(field=made["value"]))
    part.names.append("in place")
    assert b"in place" in encode(obj)
