"""Which settings of ``model_config`` make a model read or write something else than its CRD says.

See https://docs.pydantic.dev/latest/api/config/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from kaiwu_runtime.errors import DefinitionError

_LENGTH = (
    "limits texts, the keys of mappings among them, which the CRD does not: limit each field with Field({}=...), or "
    "the items of a list with list[Annotated[str, Field({}=...)]]"
)
CHANGED_TEXT = "changes texts that the API server has checked and stored: ask for the form with Field(pattern=...)"

REFUSED: Mapping[str, tuple[tuple[object, ...], str]] = {
    "json_encoders": (({}, None), "write values otherwise than their types say: write the type that the object has"),
    "polymorphic_serialization": ((False, None), "writes fields that the type of a field does not have: drop it"),
    "ser_json_inf_nan": (("null",), "writes numbers as texts, or as what is not JSON: drop it"),
    "ser_json_temporal": (("iso8601",), "writes dates as numbers: drop it"),
    "str_max_length": ((None,), _LENGTH.format("max_length", "max_length")),
    "str_min_length": ((0, None), _LENGTH.format("min_length", "min_length")),
    "str_strip_whitespace": ((False,), CHANGED_TEXT),
    "str_to_lower": ((False,), CHANGED_TEXT),
    "str_to_upper": ((False,), CHANGED_TEXT),
    "validate_by_alias": ((True, None), "reads names that differ from the written ones: drop it"),
}
"""The values of a setting that change nothing, and what any other does."""

HARMLESS = frozenset(
    {
        # The generator reads them: names, titles, and whether unknown fields are kept.
        "alias_generator", "extra", "field_title_generator", "title", "use_attribute_docstrings",
        # About what Python code may do with a model.
        "arbitrary_types_allowed", "frozen", "from_attributes", "ignored_types", "populate_by_name",
        "protected_namespaces", "revalidate_instances", "validate_assignment", "validate_by_name",
        "validate_default", "validate_return",
        # An API server sends neither NaN nor a number for a text, and an enumeration's value either way.
        "allow_inf_nan", "coerce_numbers_to_str", "use_enum_values",
        # JSON is read alike: texts of dates, enumerations and base64 are what the strict mode takes.
        "strict", "val_temporal_unit",
        # About types that have no schema: bytes, timedelta, URLs. Base64Bytes and Duration do not follow them.
        "ser_json_bytes", "ser_json_timedelta", "url_preserve_empty_path", "val_json_bytes",
        # The API server's patterns are translated for both engines; the client names the aliases itself.
        "regex_engine", "serialize_by_alias",
        # About pydantic's own JSON schema, its errors and its speed.
        "cache_strings", "defer_build", "hide_input_in_errors", "json_schema_extra", "json_schema_mode_override",
        "json_schema_serialization_defaults_required", "loc_by_alias", "model_title_generator", "plugin_settings",
        "schema_generator", "validation_error_cause",
    }
)  # fmt: skip
"""The settings that leave what is read and written as it is in the CRD."""


def check_config(model: type[BaseModel]) -> None:
    """Check the settings of a model.

    Raises:
        DefinitionError: One of them makes its objects differ from its annotations.
    """
    for setting, (neutral, effect) in REFUSED.items():
        value: Any = model.model_config.get(setting, neutral[0])
        if value not in neutral:
            shown = f"{setting}={value!r}" if isinstance(value, bool | int | str) else setting
            raise DefinitionError(f"{model.__name__}: {shown} in model_config {effect}")
