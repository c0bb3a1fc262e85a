"""The base classes of a project's API types."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self, cast

from lightkube.models.meta_v1 import ObjectMeta
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from kaiwu_runtime.api._conditions import convert_defaults
from kaiwu_runtime.api._examples import own_examples
from kaiwu_runtime.api._field_names import field_name
from kaiwu_runtime.api._identity import IDENTITY_ATTRIBUTE, ObjectKey, ResourceIdentity
from kaiwu_runtime.api._json_limits import adapt_limits
from kaiwu_runtime.api._kube import Kube, KubeModel, is_kube_model
from kaiwu_runtime.api._null_values import nullable_fields, write_null
from kaiwu_runtime.api._patterns import apply_patterns
from kaiwu_runtime.api._quantity import write_default_quantities
from kaiwu_runtime.api._reading_errors import explain, place
from kaiwu_runtime.api._source_line import note_source_line
from kaiwu_runtime.errors import DefinitionError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core.core_schema import CoreSchema


_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_CLASS = re.compile(r"schema for <class '(?:\w+\.)*(\w+)'>")
_LOCATED = re.compile(r"\w[\w.<>]*\.\w+: ")
"""The beginning of an error that names model and field."""


class APIModel(BaseModel):
    """A part of an API type: a spec, a status, or anything inside them.

    Fields written in snake_case are camelCase in the object, see :func:`~kaiwu_runtime.api._field_names.field_name`.
    A docstring under a field is its description in what is generated.
    Fields the type does not know are ignored on read, so that an older operator reads a newer object.
    """

    model_config = ConfigDict(
        alias_generator=field_name,
        populate_by_name=True,
        extra="ignore",
        protected_namespaces=(),
        # Not the values: what is read are names, uids and times that do not repeat, a megabyte of them in the end.
        cache_strings="keys",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - what pydantic takes
        super().__init_subclass__(**kwargs)
        note_source_line(cls)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy the model and everything in it; pydantic does so with the default of each object without a status."""
        copy = super().__deepcopy__
        plain = getattr(copy, "__func__", None) is BaseModel.__deepcopy__  # not a mixin's
        if not plain or self.__pydantic_extra__ is not None or getattr(self, "__pydantic_private__", None) is not None:
            return copy(memo)
        memo = {} if memo is None else memo
        memo[id(self)] = copied = self.__new__(type(self))
        # As pydantic does it, but plain values need no copy, and asking for one costs most.
        content = {
            name: value if type(value) in _PLAIN else deepcopy(value, memo) for name, value in self.__dict__.items()
        }
        object.__setattr__(copied, "__dict__", content)
        object.__setattr__(copied, "__pydantic_extra__", None)
        object.__setattr__(copied, "__pydantic_fields_set__", set(self.__pydantic_fields_set__))
        object.__setattr__(copied, "__pydantic_private__", None)
        return copied

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        write_default_quantities(getattr(cls, "__pydantic_fields__", {}))
        try:
            with own_examples(cls):
                schema = handler(source)
        except PydanticSchemaGenerationError as error:
            raise _unsupported(cls, error) from None
        except DefinitionError as error:
            raise _located(error) from None
        except (TypeError, ValueError, PydanticUserError) as error:
            raise _unreadable(cls, error) from None
        convert_defaults(schema)
        apply_patterns(cls, schema, handler)
        adapt_limits(schema, handler.resolve_ref_schema, cls.__qualname__)
        nullable = nullable_fields(cls)
        keeps_unknown = cls.model_config.get("extra") == "allow"
        if (nullable or keeps_unknown) and schema["type"] == "model":
            cast("core_schema.ModelSchema", schema)["serialization"] = core_schema.wrap_serializer_function_ser_schema(
                write_null(nullable), is_field_serializer=False, info_arg=True
            )
        return schema


class CustomResource(APIModel):
    """A kind of the project: decorate a subclass with ``@resource(...)`` and give it a spec and a status."""

    api_version: str = ""
    kind: str = ""
    metadata: Kube[ObjectMeta] = Field(default_factory=ObjectMeta)

    @property
    def key(self) -> ObjectKey:
        """Namespace and name of this object."""
        return ObjectKey(self.metadata.namespace or "", self.metadata.name or "")

    @classmethod
    def identity(cls) -> ResourceIdentity:
        """Return group, version, kind, plural and scope, as ``identify`` does.

        Raises:
            DefinitionError: The class is not decorated with ``@resource(...)``.
        """
        identity = cls.__dict__.get(IDENTITY_ATTRIBUTE)
        if not isinstance(identity, ResourceIdentity):
            raise DefinitionError(f"{cls.__qualname__} is not decorated with @resource(...)")
        return identity


def _located(error: DefinitionError) -> DefinitionError:
    """Name the field of an error that does not."""
    model, field = place(error)
    located = not field or _LOCATED.match(str(error))
    return error if located else DefinitionError(f"{model}.{field}: {error}")


def _unsupported(model: type[BaseModel], error: PydanticSchemaGenerationError) -> DefinitionError:
    for name, field in getattr(model, "__pydantic_fields__", {}).items():
        naked = _naked_kube_model(field.annotation)
        if naked is not None and not _is_kube_field(field):
            return DefinitionError(
                f"{model.__qualname__}.{name}: {naked.__name__} is a lightkube model: "
                f"write Kube[{naked.__name__}] instead of {naked.__name__}"
            )
    first = str(error).splitlines()[0].split(". Set `arbitrary_types_allowed")[0]
    if found := _CLASS.search(first):
        first = f"{found[1]} is not a type of JSON: derive it from APIModel, or use another type"
    _, name = place(error)
    return DefinitionError(f"{model.__qualname__}.{name}: {first}" if name else f"{model.__qualname__}: {first}")


def _unreadable(model: type[BaseModel], error: Exception) -> DefinitionError:
    """Name the field that pydantic could not read: where it stopped, or the one that fails alone in the same way."""
    if place(error)[1]:
        return DefinitionError(explain(error))
    for name, field in getattr(model, "__pydantic_fields__", {}).items():
        try:
            create_model("Alone", value=(field.annotation, field))
        except type(error) as alone:
            if str(alone) == str(error):
                return DefinitionError(f"{model.__qualname__}.{name}: {explain(error)}")
        except Exception:  # noqa: BLE001, S112 - the field fails in another way, where it is not in its model
            continue
    return DefinitionError(f"{model.__qualname__}: {explain(error)}")


def _naked_kube_model(annotation: object) -> type[Any] | None:
    if isinstance(annotation, type) and is_kube_model(annotation):
        return annotation
    if any(isinstance(item, KubeModel) for item in getattr(annotation, "__metadata__", ())):
        return None
    for argument in getattr(annotation, "__args__", ()):
        found = _naked_kube_model(argument)
        if found is not None:
            return found
    return None


def _is_kube_field(field: FieldInfo) -> bool:
    return any(isinstance(item, KubeModel) for item in field.metadata)
