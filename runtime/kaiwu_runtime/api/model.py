"""The base classes of a project's API types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightkube.models.meta_v1 import ObjectMeta
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.errors import PydanticSchemaGenerationError

from kaiwu_runtime.api.identity import IDENTITY_ATTRIBUTE, ObjectKey, ResourceIdentity
from kaiwu_runtime.api.kube import Kube, KubeModel, is_kube_model
from kaiwu_runtime.errors import DefinitionError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic.fields import FieldInfo
    from pydantic_core.core_schema import CoreSchema


def _camel_case(name: str) -> str:
    """Return a field's name in the object: ``class_`` is ``class``, since Python reserves the word."""
    return to_camel(name.removesuffix("_"))


class APIModel(BaseModel):
    """A part of an API type: a spec, a status, or anything inside them.

    Fields are written in snake_case and are camelCase in the object; an underscore at the end is dropped. A docstring under a field is its
    description.
    Fields the type does not know are ignored on read, so that an older operator reads a newer object.
    """

    model_config = ConfigDict(
        alias_generator=_camel_case,
        populate_by_name=True,
        extra="ignore",
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        try:
            return handler(source)
        except PydanticSchemaGenerationError as error:
            raise _unsupported(cls, str(error)) from None


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


def _unsupported(model: type[BaseModel], explanation: str) -> DefinitionError:
    for name, field in getattr(model, "__pydantic_fields__", {}).items():
        naked = _naked_kube_model(field.annotation)
        if naked is not None and not _is_kube_field(field):
            return DefinitionError(
                f"{model.__qualname__}.{name}: {naked.__name__} is a lightkube model: "
                f"write Kube[{naked.__name__}] instead of {naked.__name__}"
            )
    first = explanation.splitlines()[0].split(". Set `arbitrary_types_allowed")[0]
    culprits = [
        name
        for name, field in getattr(model, "__pydantic_fields__", {}).items()
        if isinstance(field.annotation, type) and str(field.annotation) in first
    ]
    where = f"{model.__qualname__}.{culprits[0]}" if culprits else model.__qualname__
    return DefinitionError(f"{where}: {first}")


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
