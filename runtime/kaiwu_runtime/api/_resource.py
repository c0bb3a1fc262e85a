"""The ``resource`` decorator, which makes a model a kind of the API server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args

import msgspec

from kaiwu_runtime._names import SUBDOMAIN_LENGTH, is_dns_1035_label, is_dns_label, is_kind
from kaiwu_runtime._plural import pluralize
from kaiwu_runtime.api._definition_checks import (
    check_annotations,
    check_labels,
    check_members,
    first_duplicate,
    strings,
)
from kaiwu_runtime.api._identity import IDENTITY_ATTRIBUTE, ResourceIdentity
from kaiwu_runtime.api._model import CustomResource
from kaiwu_runtime.errors import DefinitionError

DEFINITION_ATTRIBUTE = "__kaiwu_resource__"

ColumnType = Literal["string", "integer", "number", "boolean", "date"]
ColumnFormat = Literal["", "int32", "int64", "float", "double", "byte", "date", "date-time", "password"]
ResourceScope = Literal["Namespaced", "Cluster"]


_C = TypeVar("_C", bound=CustomResource)


class PrinterColumn(msgspec.Struct, frozen=True):
    """A column of ``kubectl get``.

    Attributes:
        name: Heading of the column.
        json_path: Path of the value, for example ``.status.readyReplicas``.
        type: OpenAPI type of the value; ``date`` is shown as an age.
        format: ``int32``, ``int64``, ``float``, ``double``, ``byte``, ``date``, ``date-time`` or
            ``password``.
        description: Shown by ``kubectl explain`` tools.
        priority: 0 is always shown, larger only with ``-o wide``.
    """

    name: str
    json_path: str
    type: ColumnType = "string"
    format: ColumnFormat = ""
    description: str = ""
    priority: int = 0


class Scale(msgspec.Struct, frozen=True):
    """The scale subresource: what ``kubectl scale`` and an autoscaler read and write.

    Attributes:
        spec_replicas_path: Integer in the spec.
        status_replicas_path: Integer in the status.
        label_selector_path: String in the status with the pods' label selector; needed by autoscalers.
    """

    spec_replicas_path: str = ".spec.replicas"
    status_replicas_path: str = ".status.replicas"
    label_selector_path: str = ""


class ResourceDefinition(msgspec.Struct, frozen=True):
    """The arguments of ``@resource`` with defaults filled in, from which the generator writes the CRD."""

    identity: ResourceIdentity
    singular: str
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    storage: bool | None = None
    served: bool = True
    deprecated: bool = False
    deprecation_warning: str = ""
    status: bool = True
    scale: Scale | None = None
    columns: tuple[PrinterColumn, ...] = ()
    selectable_fields: tuple[str, ...] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    external: bool = False

    @property
    def reports_status(self) -> bool:
        """Whether the runtime writes the status by itself: that of another project's kind is the other project's."""
        return self.status and not self.external


def resource(
    *,
    group: str,
    version: str,
    kind: str | None = None,
    plural: str | None = None,
    singular: str | None = None,
    list_kind: str | None = None,
    scope: ResourceScope = "Namespaced",
    short_names: Sequence[str] = (),
    categories: Sequence[str] = (),
    storage: bool | None = None,
    served: bool = True,
    deprecated: bool | str = False,
    status: bool | None = None,
    scale: Scale | None = None,
    columns: Sequence[PrinterColumn] = (),
    selectable_fields: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    external: bool = False,
) -> Callable[[type[_C]], type[_C]]:
    """Make a model a kind of the API server.

    Args:
        group: API group, for example ``kaiwu.inspur.com``.
        version: API version: ``v1``, ``v1beta1``, ``v2alpha3``.
        kind: CamelCase kind; default is the class name.
        plural: Name in request paths; default follows Kubernetes' rule
            (:func:`~kaiwu_runtime.api.pluralize`).
        singular: Default is the lower-case kind.
        list_kind: Kind of a list of these objects; default: the kind with ``List`` behind it.
        scope: ``Namespaced`` or ``Cluster``.
        short_names: For example ``["kc"]``.
        categories: For example ``["all"]``.
        storage: This version is the stored one; default: the newest of the group and kind.
        served: False keeps the version readable in storage but takes it off the API.
        deprecated: True, or the warning a client sees.
        status: Gives the status its own subresource; default: when the model has a ``status`` field.
        scale: The scale subresource.
        columns: Columns of ``kubectl get``; an age column is added by the API server when there are none.
        selectable_fields: Paths usable in a field selector, for example ``.spec.engine``.
        labels: Labels of the CRD object.
        annotations: Annotations of the CRD object.
        external: The kind belongs to another project, which installs its CRD: none is generated, and the runtime
            does not write the status of its objects.

    Raises:
        DefinitionError: The API server would reject a name or a value.
    """

    def define(model: type[_C]) -> type[_C]:
        if not (isinstance(model, type) and issubclass(model, CustomResource)):
            raise DefinitionError(f"{getattr(model, '__qualname__', model)}: @resource needs a CustomResource subclass")
        name = model.__qualname__
        kind_name = kind if kind is not None else model.__name__
        _check_names(name, group, version, kind_name, scope)
        identity = ResourceIdentity(
            group=group,
            version=version,
            kind=kind_name,
            plural=plural if plural is not None else pluralize(kind_name),
            namespaced=scope == "Namespaced",
        )
        definition = ResourceDefinition(
            identity=identity,
            singular=singular if singular is not None else kind_name.lower(),
            list_kind=list_kind if list_kind is not None else f"{kind_name}List",
            short_names=strings(name, "short_names", short_names),
            categories=strings(name, "categories", categories),
            storage=storage,
            served=served,
            deprecated=bool(deprecated),
            deprecation_warning=deprecated if isinstance(deprecated, str) else "",
            status="status" in model.model_fields if status is None else status,
            scale=scale,
            columns=_columns(name, columns),
            selectable_fields=strings(name, "selectable_fields", selectable_fields),
            labels=dict(labels or {}),
            annotations=dict(annotations or {}),
            external=external,
        )
        _check_definition(name, definition)
        setattr(model, IDENTITY_ATTRIBUTE, identity)
        setattr(model, DEFINITION_ATTRIBUTE, definition)
        model.model_fields["api_version"].default = identity.api_version
        model.model_fields["kind"].default = identity.kind
        # A model named before it is defined is resolved later, when it is first used.
        model.model_rebuild(force=True, raise_errors=False)
        return model

    return define


def resource_definition(model: type[Any]) -> ResourceDefinition | None:
    """Return the arguments of ``@resource`` on this class itself, or None."""
    definition = model.__dict__.get(DEFINITION_ATTRIBUTE)
    return definition if isinstance(definition, ResourceDefinition) else None


def _columns(owner: str, value: Sequence[PrinterColumn]) -> tuple[PrinterColumn, ...]:
    if isinstance(value, PrinterColumn):
        raise DefinitionError(f"{owner}: @resource columns is one column: write columns=[PrinterColumn(...)]")
    return tuple(value)


def _check_names(name: str, group: str, version: str, kind: str, scope: str) -> None:
    where = f"{name}: @resource"
    labels = group.split(".")
    if len(labels) < 2 or len(group) > SUBDOMAIN_LENGTH or not all(map(is_dns_label, labels)):
        raise DefinitionError(
            f"{where} group={group!r} is not a valid API group: use a lower-case domain, kaiwu.example.com"
        )
    if not is_dns_1035_label(version):
        raise DefinitionError(
            f"{where} version={version!r} is not a valid API version: use a DNS label such as v1 or v1beta1"
        )
    if not is_kind(kind):
        raise DefinitionError(f"{where} kind={kind!r} is not a valid kind: use CamelCase, as in KaiwuCluster")
    if scope not in get_args(ResourceScope):
        raise DefinitionError(f"{where} scope={scope!r}: use 'Namespaced' or 'Cluster'")


def _check_definition(name: str, definition: ResourceDefinition) -> None:
    where = f"{name}: @resource"
    words = {
        "plural": (definition.identity.plural,),
        "singular": (definition.singular,),
        "short_names": definition.short_names,
        "categories": definition.categories,
    }
    for argument, values in words.items():
        for value in values:
            if not is_dns_1035_label(value):
                raise DefinitionError(
                    f"{where} {argument}={value!r}: use at most 63 lower-case letters, digits and '-', "
                    "and begin with a letter"
                )
        if len(set(values)) != len(values):
            raise DefinitionError(f"{where} {argument} names {first_duplicate(values)!r} twice")
    if not is_kind(definition.list_kind) or definition.list_kind == definition.identity.kind:
        raise DefinitionError(
            f"{where} list_kind={definition.list_kind!r}: use letters and digits, and another word than the kind"
        )
    for column in definition.columns:
        _check_column(where, column)
    if definition.scale is not None:
        if not isinstance(definition.scale, Scale):
            raise DefinitionError(f"{where} scale={definition.scale!r}: use Scale(), or Scale(spec_replicas_path=...)")
        check_members(f"{where} scale", definition.scale)
    check_labels(where, definition.labels)
    check_annotations(where, definition.annotations)


def _check_column(where: str, column: PrinterColumn) -> None:
    if not isinstance(column, PrinterColumn):
        raise DefinitionError(f"{where} columns: {column!r} is not a PrinterColumn")
    if not column.name:
        raise DefinitionError(f"{where} columns: a column has no name")
    if column.type not in get_args(ColumnType):
        words = ", ".join(get_args(ColumnType))
        raise DefinitionError(f"{where} column {column.name!r}: type {column.type!r} is not one of {words}")
    if column.format not in get_args(ColumnFormat):
        words = ", ".join(word for word in get_args(ColumnFormat) if word)
        raise DefinitionError(f"{where} column {column.name!r}: format {column.format!r} is not one of {words}")
    check_members(f"{where} column {column.name!r}", column)
    if not column.json_path.startswith("."):
        raise DefinitionError(f"{where} column {column.name!r}: json_path {column.json_path!r} must start with '.'")
