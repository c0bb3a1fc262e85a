"""Check the arguments of ``@resource`` against the schema: columns, scale, selectable fields, warnings."""

from __future__ import annotations

from kaiwu_runtime.api._resource import PrinterColumn, ResourceDefinition, Scale
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._paths import PathError, plain_prefix, resolve
from kaiwu_runtime.generator._schema import Schema

_SELECTABLE_TYPES = {"string", "boolean", "integer"}
_MOST_SELECTABLE = 8
_LONGEST_WARNING = 256


def check_definition(name: str, definition: ResourceDefinition, schema: Schema) -> list[str]:
    """Check one version's columns, scale, selectable fields and deprecation warning.

    Returns:
        Warnings about definitions that the API server accepts but that have no effect.

    Raises:
        DefinitionError: The API server would reject it.
    """
    where = f"{name}: @resource"
    warnings = [found for column in definition.columns for found in _column_warnings(where, column, schema)]
    headings = [column.name for column in definition.columns]
    warnings += [f"{where} columns: {n!r} is listed twice" for n in dict.fromkeys(headings) if headings.count(n) > 1]
    if definition.scale is not None:
        warnings += _check_scale(where, definition.scale, schema)
    _check_selectable(where, definition.selectable_fields, schema)
    _check_warning(where, definition)
    if definition.status and "status" not in schema.properties:
        warnings.append(f"{where} status=True, but {name} has no status field: the status is not stored")
    return warnings


def _column_warnings(where: str, column: PrinterColumn, schema: Schema) -> list[str]:
    path = plain_prefix(column.json_path)
    if path in {"", "."} or path.startswith((".metadata", "..")) or "*" in path:
        return []
    at = f"{where} column {column.name!r}: {column.json_path}"
    try:
        found = resolve(schema, path)
    except PathError as error:
        return [f"{at}: {error}: the column stays empty"]
    kind = found.get("type")
    if path == column.json_path and kind in {"object", "array"}:
        return [f"{at} is an {kind}: kubectl shows it as JSON"]
    return []


def _check_scale(where: str, scale: Scale, schema: Schema) -> list[str]:
    warnings: list[str] = []
    for argument, path, roots, kind in (
        ("spec_replicas_path", scale.spec_replicas_path, (".spec.",), "integer"),
        ("status_replicas_path", scale.status_replicas_path, (".status.",), "integer"),
        ("label_selector_path", scale.label_selector_path, (".spec.", ".status."), "string"),
    ):
        if not path and argument == "label_selector_path":
            continue
        at = f"{where} scale: {argument}={path!r}"
        if "[" in path:
            raise DefinitionError(f"{at} must be plain fields: the API server reads no array notation here")
        if not path.startswith(roots):
            raise DefinitionError(f"{at} must begin with {' or '.join(roots)}")
        try:
            found = resolve(schema, path)
        except PathError as error:
            warnings.append(f"{at}: {error}: scaling does nothing")
            continue
        if found.get("type") != kind:
            warnings.append(f"{at} leads to {found.get('type', 'a value without a type')}, and should be {kind}")
    return warnings


def _check_selectable(where: str, paths: tuple[str, ...], schema: Schema) -> None:
    for index, path in enumerate(paths):
        at = f"{where} selectable_fields: {path!r}"
        if "[" in path:
            raise DefinitionError(f"{at}: array notation is not allowed")
        if path.startswith(".metadata"):
            raise DefinitionError(f"{at}: fields of metadata are selectable without it")
        try:
            found = resolve(schema, path)
        except PathError as error:
            raise DefinitionError(f"{at}: {error}") from None
        if found.get("type") not in _SELECTABLE_TYPES:
            raise DefinitionError(f"{at} must be a string, a boolean or an integer")
        if path in paths[:index]:
            raise DefinitionError(f"{at} is listed twice")
    if len(paths) > _MOST_SELECTABLE:
        raise DefinitionError(f"{where} selectable_fields: {len(paths)} are more than the {_MOST_SELECTABLE} allowed")


def _check_warning(where: str, definition: ResourceDefinition) -> None:
    warning = definition.deprecation_warning
    if len(warning.encode()) > _LONGEST_WARNING:
        raise DefinitionError(f"{where} deprecated: the warning is longer than {_LONGEST_WARNING} bytes")
    if not warning.isprintable():
        raise DefinitionError(f"{where} deprecated: the warning must be one printable line")
