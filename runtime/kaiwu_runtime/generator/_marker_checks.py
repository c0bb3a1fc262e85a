"""Checks of the arguments of markers, which Python takes whatever they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec

from kaiwu_runtime.api._markers import AtLeastOneOf, AtMostOneOf, ExactlyOneOf, ListMapKeys, Marker, SchemaExtra
from kaiwu_runtime.errors import DefinitionError


def check_markers(markers: Iterable[object], where: str) -> None:
    """Check that markers are called, and that their arguments have the types that they are declared with.

    Args:
        markers: Markers, and other metadata, which is ignored.
        where: Model and field, for messages.

    Raises:
        DefinitionError: Names the marker and the argument.
    """
    for marker in markers:
        if isinstance(marker, type) and issubclass(marker, Marker):
            raise DefinitionError(
                f"{where}: {marker.__name__} stands there without its arguments: write {marker.__name__}()"
            )
        name = type(marker).__name__
        if isinstance(marker, SchemaExtra):
            continue  # its keywords are checked where they are merged
        if isinstance(marker, Marker) and isinstance(marker, msgspec.Struct):
            values = {field: getattr(marker, field) for field in marker.__struct_fields__}
            try:
                msgspec.convert(values, type(marker))
            except msgspec.ValidationError as error:
                problem, _, path = str(error).partition(" - at ")
                argument = path.strip("`").removeprefix("$.")
                choices = ", ".join(_choices(get_type_hints(type(marker)).get(argument)))
                if choices and isinstance(values[argument], str):
                    problem = f"{values[argument]!r} is not one of {choices}"
                raise DefinitionError(f"{where}: {name}({argument}=...): {problem}") from None
        elif isinstance(marker, ListMapKeys | AtMostOneOf | AtLeastOneOf | ExactlyOneOf):
            names = marker.keys if isinstance(marker, ListMapKeys) else marker.fields
            if not all(isinstance(each, str) for each in names):
                raise DefinitionError(f"{where}: {name}(...) takes names of fields, not {names!r}")


def _choices(hint: object) -> Iterator[str]:
    """Yield the words that an argument may be, without the empty one that stands for none."""
    for each in get_args(hint):
        if get_origin(hint) is not Literal:
            yield from _choices(each)
        elif each:
            yield str(each)
