"""What the type of a status tells of its JSON: which objects are maps, and the names of list items.

The type and not the model: a write takes a while, in which a reconciler may change the model, and what was removed is
in no model any more.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NewType, Self, Union, get_args, get_origin

import msgspec

from kaiwu_runtime.api._field_names import written_name
from kaiwu_runtime.api._markers import ListMapKeys, ListType, MapType
from kaiwu_runtime.api._null_values import ALIAS_TYPES
from kaiwu_runtime.client._managed_items import MAP
from kaiwu_runtime.client._pydantic_models import is_model

if TYPE_CHECKING:
    from pydantic import BaseModel

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def described_status(kind: object, status: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return a status with the keys of its items that are left to their defaults, and what managed fields say of it.

    They have the names of its items, as those of a manager that has applied it, and tell which objects are maps, see
    `MAP`. Those of other managers may be gone by now.

    Args:
        kind: The status's type; of anything but a pydantic model nothing is known.
        status: Its JSON.
    """
    if not is_model(kind):
        return status, {}
    content, walk = _decode(status), _Walk()
    tree = walk.members(members_of(kind), content)
    return (_encode(content) if walk.completed else status), {"fieldsV1": {"f:status": tree}}


class _Walk:
    """Describes JSON, and fills in keys."""

    completed = False

    def members(self, shapes: Mapping[str, Shape], content: Mapping[str, Any]) -> dict[str, Any]:
        found = {
            f"f:{name}": self._value(shapes[name], value)
            for name, value in content.items()
            if name in shapes and isinstance(value, dict | list)
        }
        return {name: part for name, part in found.items() if part}

    def _value(self, shape: Shape, value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        if isinstance(value, list):
            return self._list(shape, value)
        if not isinstance(value, dict):
            return {}
        if shape.model is not None:
            return self.members(members_of(shape.model), value)
        values = shape.values
        return {MAP: {}, **self.members(dict.fromkeys(value, values), value)} if values is not None else {}

    def _list(self, shape: Shape, items: list[Any]) -> dict[str, Any]:
        keys, inner, found = shape.keys, shape.items or Shape(), {}
        defaults = _key_defaults(inner.model, keys) if keys and inner.model is not None else {}
        for item in items:
            if defaults and isinstance(item, dict) and not defaults.keys() <= item.keys():
                item |= {key: value for key, value in defaults.items() if key not in item}
                self.completed = True
            part = self._value(inner, item)
            if keys == ():
                found[f"v:{_encode(item).decode()}"] = part
            elif keys and isinstance(item, dict) and all(key in item for key in keys):
                found[f"k:{_encode({key: item[key] for key in keys}).decode()}"] = part
        return found


@dataclass(slots=True)
class Shape:
    """What is known of the JSON of a type, which may be a union.

    Attributes:
        model: The type of an object.
        values: That of the values of a map whose members are merged.
        items: That of the items of a list.
        keys: The members by which items are merged, none for a set; None for other lists.
    """

    model: type[BaseModel] | None = None
    values: Shape | None = None
    items: Shape | None = None
    keys: tuple[str, ...] | None = None

    def add(self, annotation: Any, markers: Iterable[Any], seen: frozenset[Any]) -> Self:  # noqa: ANN401 - any type
        """Add an annotation.

        Args:
            annotation: Of a field, or in another annotation.
            markers: What is said of it.
            seen: The aliases that it is in: one may be of itself, as JSON is.
        """
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self.add(arguments[0], [*markers, *arguments[1:]], seen)
        if isinstance(origin or annotation, ALIAS_TYPES):
            if (origin or annotation) in seen:
                return self
            value = annotation.__value__ if origin is None else origin.__value__[arguments]
            return self.add(value, markers, seen | {origin or annotation})
        if isinstance(annotation, NewType):
            return self.add(annotation.__supertype__, markers, seen)
        if origin in {Union, types.UnionType}:
            for each in arguments:
                self.add(each, markers, seen)
        elif isinstance(kind := origin or annotation, type):
            self._add_kind(kind, arguments, markers, seen)
        return self

    def _add_kind(
        self, kind: type[Any], arguments: tuple[Any, ...], markers: Iterable[Any], seen: frozenset[Any]
    ) -> None:
        if "__kaiwu_annotation__" in vars(kind):
            self.add(vars(kind)["__kaiwu_annotation__"], markers, seen)
        elif is_model(kind):
            self.model = self.model or kind
        elif issubclass(kind, dict):
            if not any(isinstance(each, MapType) and each.type == "atomic" for each in markers):
                self.values = self.values or Shape().add((*arguments, Any, Any)[1], (), seen)
        elif issubclass(kind, list) and self.items is None:
            self.items = Shape().add((*arguments, Any)[0], (), seen)
            for each in markers:
                if isinstance(each, ListMapKeys):
                    self.keys = each.keys
                elif isinstance(each, ListType) and each.type == "set":
                    self.keys = ()


@cache
def members_of(model: type[BaseModel]) -> dict[str, Shape]:
    """Return what is known of the members of a model, by their names in JSON."""
    return {
        written_name(name, field): Shape().add(field.annotation, field.metadata, frozenset())
        for name, field in model.model_fields.items()
    }


@cache
def _key_defaults(model: type[BaseModel], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the keys that an item may leave unset, as they are then."""
    names = {
        name
        for name, field in model.model_fields.items()
        if written_name(name, field) in keys and not field.is_required()
    }
    unset = model.model_construct()
    return _decode(unset.model_dump_json(by_alias=True, exclude_none=True, include=names)) if names else {}
