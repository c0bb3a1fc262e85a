"""Check a CEL rule before the API server compiles it: syntax, fields, and the cost of simple rules.

Types, functions and the cost of calls are not checked here: only the API server can check them.
"""

from __future__ import annotations

from collections.abc import Mapping

from kaiwu_runtime.generator._cel_names import cel_name
from kaiwu_runtime.generator._cel_syntax import CelSyntaxError, Node, TooDeepError, parse_cel
from kaiwu_runtime.generator._schema import Schema

_EMBEDDED = {
    "apiVersion": Schema({"type": "string"}),
    "kind": Schema({"type": "string"}),
    "metadata": Schema(
        {"type": "object", "properties": {n: Schema({"type": "string"}) for n in ("name", "generateName")}}
    ),
}


def expression_error(text: str, schema: Schema, *, optional_old: bool = False) -> str:
    """Return why the API server would reject an expression, as far as it can be known, or an empty string.

    Args:
        text: The expression.
        schema: The schema of the value ``self``.
        optional_old: Whether ``oldSelf`` is an optional.
    """
    scope: dict[str, Schema | None] = {"self": schema, "oldSelf": None if optional_old else schema}
    try:
        _type_of(parse_cel(text), scope)
    except CelSyntaxError as error:
        return f"does not parse: {error}"
    except _UnknownFieldError as error:
        return str(error)
    except (TooDeepError, RecursionError):
        return ""
    return ""


class _UnknownFieldError(ValueError):
    pass


def _type_of(node: Node, scope: Mapping[str, Schema | None]) -> Schema | None:
    """Return the schema of a part of an expression, None where it is not known.

    Raises:
        _UnknownFieldError: A field is selected that the schema does not declare.
    """
    match node.kind:
        case "ident":
            return scope.get(node.name)
        case "select" | "has":
            of = _type_of(node.parts[0], scope)
            found = _field(of, node.name) if of is not None else None
            return found if node.kind == "select" and not node.optional else None
        case "index":
            of = _type_of(node.parts[0], scope)
            _type_of(node.parts[1], scope)
            return None if of is None or node.optional else of.items_schema or of.values_schema
        case "macro":
            of = _type_of(node.parts[0], scope)
            inner = {**scope, node.variable: None if of is None else of.items_schema}
            for part in node.parts[1:]:
                _type_of(part, inner)
            return None
        case _:
            for part in node.parts:
                _type_of(part, scope)
            return None


def _field(schema: Schema, name: str) -> Schema | None:
    if schema.get("type") != "object":
        return None
    if schema.values_schema is not None:
        return schema.values_schema
    fields = schema.properties
    if schema.get("x-kubernetes-embedded-resource") or fields.get("metadata") == {"type": "object"}:
        # A whole object: rules see only the names in its metadata, whatever its schema is.
        fields = fields | _EMBEDDED
    for key, child in fields.items():
        if name in {key, cel_name(key)}:
            if not is_typed(child):
                raise _UnknownFieldError(f"names {name!r}, whose type CEL does not know: it may be anything")
            return child
    known = ", ".join(sorted(filter(None, map(cel_name, fields))))
    where = schema.model or "the value"
    raise _UnknownFieldError(
        f"names {name!r}, which {where} does not declare" + (f" (it has {known})" if known else "")
    )


def is_typed(schema: Schema) -> bool:
    """Return whether CEL has a type for a value: not for arbitrary values, or lists and mappings of them."""
    if schema.get("x-kubernetes-int-or-string"):
        return True
    match schema.get("type"):
        case None:
            return False
        case "array":
            return schema.items_schema is not None and is_typed(schema.items_schema)
        case "object" if schema.values_schema is not None:
            return is_typed(schema.values_schema)
        case _:
            return True
