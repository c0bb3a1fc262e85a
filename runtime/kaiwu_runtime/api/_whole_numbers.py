"""Floats as the API server stores them.

It stores ``5.0`` as ``5``, and reads that as an integer: an object that is written with ``5.0`` again would differ from
the stored one, get a new generation, and be written forever.
"""

from __future__ import annotations

import math
from typing import Any

_INT64 = 2.0**63


def whole_numbers(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Return a JSON value in which every float that is a whole number of 64 bits is an integer.

    Lists and mappings are copied; all other values are returned as they are.

    Raises:
        ValueError: A float is not finite, which JSON cannot represent.
    """
    kind = type(value)
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not valid JSON")
        return int(value) if value.is_integer() and -_INT64 <= value < _INT64 else value
    if kind is list:
        return [whole_numbers(item) for item in value]
    if kind is dict:
        return {name: whole_numbers(item) for name, item in value.items()}
    return value
