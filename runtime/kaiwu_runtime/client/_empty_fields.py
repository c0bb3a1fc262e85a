"""Empty lists and mappings of Kubernetes' own types, which say the same as absent ones and are not stored.

Go's clients never send them, and some resources count a write that has them as a change: each apply of a NetworkPolicy
with ``ingress: []`` makes a new version. An empty object is another matter: ``emptyDir: {}`` chooses one.

See https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#optional-vs-required
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec


def without_empty(value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    """Return a lightkube model as a mapping without the optional lists and mappings that are empty.

    Args:
        value: A model, or what a field of one holds: that stays as it is, with the models in it made mappings.
    """
    if isinstance(value, msgspec.Struct):
        found: dict[str, Any] = {}
        for name, written, default in _fields(type(value)):
            held = getattr(value, name)
            if default is not msgspec.NODEFAULT and (
                held is default or held == default or (isinstance(held, list | dict) and not held)
            ):
                continue
            found[written] = without_empty(held)
        return found
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    if isinstance(value, dict):
        return {name: without_empty(item) for name, item in value.items()}
    return value


@cache
def _fields(model: type[Any]) -> list[tuple[str, str, Any]]:
    """Return each field's name, its name in the object, and its default."""
    names, written = model.__struct_fields__, model.__struct_encode_fields__
    defaults = model.__struct_defaults__
    required = len(names) - len(defaults)
    return [
        (name, as_written, defaults[index - required] if index >= required else msgspec.NODEFAULT)
        for index, (name, as_written) in enumerate(zip(names, written, strict=True))
    ]
