"""Searching a string as Go does."""

from __future__ import annotations

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

from kaiwu_runtime.regexp._parser import parse


def matches(pattern: str, text: str) -> bool | None:
    """Return whether a pattern, as Go reads it, is found in a text; None if it is too large to be compiled here.

    Raises:
        PatternError: Go does not compile the pattern.
    """
    validator = _validator(pattern)
    return None if validator is None else validator.isinstance_python(text)


@lru_cache(maxsize=256)
def _validator(pattern: str) -> SchemaValidator | None:
    return validator_of(parse(pattern).rust)


def validator_of(rust: str) -> SchemaValidator | None:
    """Compile a pattern in Rust's words; None if it is larger than Rust's limit of 10 MB."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=rust, regex_engine="rust-regex"))
    except SchemaError:
        return None
