"""What a CRD says in words stays words in a module: quotes, backslashes and line breaks never end a string."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from .round_trip import crd_of, regenerated

if TYPE_CHECKING:
    from pathlib import Path

CODE = "; raise SystemExit('the text ran') #"
STRINGS = [quote * count for quote in "\"'" for count in range(1, 10)] + [
    *("\\" * count for count in range(1, 5)),
    *("\\" * count + quote * 3 for count in range(1, 4) for quote in "\"'"),
    *('"""' + "\\" * count + '"""' for count in range(1, 4)),
    '""\n"""',
    '"\n"""\n""""',
    "\n",
    "\r",
    "\x00",
    "\u2028",
    "{}%s{{ }}${x}",
]
TEXTS = [
    text
    for string in STRINGS
    for text in (
        string,
        f"{string}{CODE}",
        f"words{string}{CODE} words",
        f"words{string}",
        f"words {'long ' * 30}{string}{CODE} {'long ' * 30}",
        f"words\n{string}{CODE}",
        f"words{string}\nwords {string}",
        f"words\\ {string}{CODE}\n\n{string}",
        f"{string} ",
    )
]


def described(texts: list[str]) -> dict[str, Any]:
    """Return the CRD of a kind that has the texts wherever a CRD has one."""
    fields: dict[str, Any] = {}
    for number, text in enumerate(texts):
        same = {"type": "string"}
        fields |= {
            f"scalar{number}": {**same, "description": text},
            f"title{number}": {**same, "title": text},
            f"list{number}": {"type": "array", "items": {**same, "description": text}, "description": text},
            f"map{number}": {"type": "object", "additionalProperties": {**same, "description": text}},
            f"object{number}": {
                "type": "object",
                "properties": {f"a{number}": {**same, "description": text}},
                "description": text,
            },
            f"documented{number}": {**same, "externalDocs": {"url": text, "description": text}},
            f"default{number}": {**same, "default": text},
            f"enum{number}": {**same, "enum": [text, f"{text}{text}"]},
            f"example{number}": {**same, "example": text},
            f"object_default{number}": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "default": {text: [text]},
            },
            f"format{number}": {**same, "format": text},
            f"name{text}{number}": same,
            f"rule{number}": {
                **same,
                "x-kubernetes-validations": [{"rule": "true", "message": text, "messageExpression": repr(text)}],
            },
        }
    return crd_of({"type": "object", "properties": fields})


def test_every_text_of_a_schema_comes_back(tmp_path: Path) -> None:
    crd = described(TEXTS)
    found = regenerated(crd, tmp_path, check=False)
    expected, made = (
        each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["value"]
        for each in (crd, found)
    )
    assert made["properties"].keys() == expected["properties"].keys()
    for name, schema in expected["properties"].items():
        assert plain(made["properties"][name]) == plain(schema), name


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_the_texts_outside_of_fields_come_back(tmp_path: Path, text: str) -> None:
    column = {"name": f"A{text}", "type": "string", "jsonPath": ".spec.value", "description": text}
    crd = crd_of({"type": "string"}, additionalPrinterColumns=[column], deprecated=True, deprecationWarning=f"w{text}")
    crd["metadata"]["annotations"] = {"example.com/text": text}
    root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root |= {"description": text, "title": f"t{text}"}
    for key in ("apiVersion", "kind"):
        root["properties"][key] = {"type": "string", "description": text}
    found = regenerated(crd, tmp_path, check=False)
    made = found["spec"]["versions"][0]
    assert made["additionalPrinterColumns"] == [column]
    assert made["deprecationWarning"] == f"w{text}"
    assert found["metadata"]["annotations"]["example.com/text"] == text
    schema = made["schema"]["openAPIV3Schema"]
    assert schema["title"] == f"t{text}"
    assert words(schema.get("description")) == words(text)
    for key in ("apiVersion", "kind"):
        assert words(schema["properties"][key].get("description")) == words(text)


def words(text: str | None) -> str:
    """Return a description as a docstring has it: without the spaces at its ends."""
    lines = (line if line.strip() else "" for line in (text or "").split("\n"))
    return inspect.cleandoc(inspect.cleandoc("\n".join(lines)))


def plain(schema: Any) -> Any:
    """Return a schema whose descriptions are as docstrings have them."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: words(value) if key == "description" and isinstance(value, str) else plain(value)
        for key, value in schema.items()
    }
    return {key: value for key, value in found.items() if not (key == "description" and not value)}
