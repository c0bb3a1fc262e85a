"""What can be known about a CEL rule before the API server compiles it: syntax, fields, and cost of simple rules.

What cannot be known passes: types, functions and the cost of calls are the API server's to check.
"""

from __future__ import annotations

from collections.abc import Mapping

from kaiwu_runtime.generator.cel_names import cel_name
from kaiwu_runtime.generator.cel_syntax import CelSyntaxError, Node, TooDeepError, parse_cel
from kaiwu_runtime.generator.schema import Schema

MAX_REQUEST = 3 * 1024 * 1024
"""Bytes of the largest request, from which the API server guesses how long a list without a maximum may be."""

RULE_BUDGET = 10_000_000
"""Estimated cost that the API server allows one rule, over all the values it may be evaluated on."""

_LOGICAL = {"||", "&&"}
_SIZES = {"integer": 1, "number": 1, "boolean": 4, "string": 2, "array": 2}
_FORMAT_SIZES = {"duration": 4, "date": 12, "date-time": 21}
_EMBEDDED = {
    "apiVersion": Schema({"type": "string"}),
    "kind": Schema({"type": "string"}),
    "metadata": Schema(
        {"type": "object", "properties": {n: Schema({"type": "string"}) for n in ("name", "generateName")}}
    ),
}


def expression_error(text: str, schema: Schema, *, optional_old: bool = False) -> str:
    """Return why the API server would refuse an expression, as far as it can be known; the empty string if not.

    Args:
        text: The expression.
        schema: Of the value it is about.
        optional_old: Whether ``oldSelf`` is an optional.
    """
    try:
        tree = parse_cel(text)
    except CelSyntaxError as error:
        return f"does not parse: {error}"
    except (TooDeepError, RecursionError):
        return ""
    scope: dict[str, Schema | None] = {"self": schema, "oldSelf": None if optional_old else schema}
    try:
        _type_of(tree, scope)
    except _UnknownFieldError as error:
        return str(error)
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
            found = _field(of, node.name) if of is not None and not node.optional else None
            return found if node.kind == "select" else None
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
        # A whole object: of its metadata the names are all that rules see, whatever its schema says.
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
    """Tell whether CEL knows a type for a value: not for what may be anything, nor for lists and mappings of it."""
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


def smallest_size(schema: Schema) -> int:
    """Return the bytes of the smallest JSON that fits a schema, as the API server counts them."""
    if schema.get("x-kubernetes-int-or-string"):
        return 1
    kind = schema.get("type", "")
    if kind == "object" and schema.values_schema is None:
        required = ((name, schema.properties.get(name, Schema())) for name in schema.get("required", ()))
        # A default is filled in by the API server and need not be sent.
        return 2 + sum(
            len(name.encode()) + smallest_size(child) + 4
            for name, child in required
            if child.get("default") is None and is_typed(child)
        )
    if kind == "string":
        return _FORMAT_SIZES.get(schema.get("format", ""), _SIZES[kind])
    return _SIZES.get(kind, 2)


def expression_cost(text: str) -> int | None:
    """Return the largest cost of evaluating an expression once; None where it is not known.

    Known are fields, ``has``, constants, the logical operators and the ternary one.
    """
    try:
        return _cost(parse_cel(text))
    except (CelSyntaxError, TooDeepError, RecursionError):
        return None


def _cost(node: Node) -> int | None:
    costs: list[int] = []
    for part in node.parts:
        cost = _cost(part)
        if cost is None:
            return None
        costs.append(cost)
    match node.kind, node.name:
        case "const", _:
            return 0
        case "ident", "self" | "oldSelf":
            return 1
        case "select", _ if not node.optional:
            return costs[0] + 1
        case "has", _:
            return costs[0]
        case "call", name if name in _LOGICAL:
            return sum(costs)
        case "call", "!":
            return costs[0] + 1
        case "call", "?:":
            return costs[0] + max(costs[1:])
        case "call", "+" | "==" | "<=" | ">=" if all(_is_count(part) for part in node.parts):
            return sum(costs) + 1
        case _:
            return None


def _is_count(node: Node) -> bool:
    """Tell whether a part is a number: a constant, a choice of constants, or a sum of such."""
    if node.kind == "const":
        return node.name == "number"
    choices = node.parts[1:] if node.name == "?:" else node.parts if node.name == "+" else ()
    return node.kind == "call" and bool(choices) and all(_is_count(part) for part in choices)


def budget_error(text: str, schema: Schema, cardinality: int | None, within: str) -> str:
    """Return by how much a rule exceeds the API server's budget, as far as it can be known; empty if it does not.

    Args:
        text: The rule.
        schema: Of the value it is about.
        cardinality: How many such values an object may hold; None if a list or mapping around it has no maximum.
        within: The list or mapping that holds them.
    """
    cost = expression_cost(text)
    if cost is None or not within:
        return ""
    times = MAX_REQUEST // (smallest_size(schema) + 1) if cardinality is None else cardinality
    if cost * times <= RULE_BUDGET:
        return ""
    return (
        f"costs up to {cost * times / RULE_BUDGET:.1f} times what the API server allows, since it is evaluated for "
        f"each of {times} parts of {within}: give that a max_length, or name fewer fields"
    )
