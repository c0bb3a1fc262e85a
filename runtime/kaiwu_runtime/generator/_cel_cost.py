"""Estimate the cost of simple CEL rules, as the API server does.

See https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints
"""

from __future__ import annotations

from math import ceil

from kaiwu_runtime.generator._cel_checks import is_typed
from kaiwu_runtime.generator._cel_syntax import CelSyntaxError, Node, TooDeepError, parse_cel
from kaiwu_runtime.generator._schema import Schema

MAX_REQUEST = 3 * 1024 * 1024
"""Bytes of the largest request, from which the API server guesses how long a list without a maximum may be."""

RULE_BUDGET = 10_000_000
"""Estimated cost that the API server allows one rule, over all the values it may be evaluated on."""

_LOGICAL = {"||", "&&"}
_SIZES = {"integer": 1, "number": 1, "boolean": 4, "string": 2, "array": 2}
_FORMAT_SIZES = {"duration": 4, "date": 12, "date-time": 21}
_PER_BYTE = 0.1
_BYTES_OF_CHARACTER = 4


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


def expression_cost(text: str, schema: Schema) -> int | None:
    """Return the largest cost of evaluating an expression once; None where it is not known.

    Supported are fields, ``has``, constants, the logical operators, the ternary operator, and ``self == oldSelf``.

    Args:
        text: The expression.
        schema: The schema of the value ``self``.
    """
    try:
        return _cost(parse_cel(text), schema)
    except (CelSyntaxError, TooDeepError, RecursionError):
        return None


def _cost(node: Node, schema: Schema) -> int | None:
    costs: list[int] = []
    for part in node.parts:
        cost = _cost(part, schema)
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
        case "call", "==" if {part.name for part in node.parts} == {"self", "oldSelf"}:
            size = _largest_size(schema)
            return None if size is None else sum(costs) + max(1, ceil(size * _PER_BYTE))
        case "call", "+" | "==" | "<=" | ">=" if all(_is_count(part) for part in node.parts):
            return sum(costs) + 1
        case _:
            return None


def _largest_size(schema: Schema) -> int | None:
    """Return the size that the API server assumes for a compared value; None if it is not known."""
    if schema.get("x-kubernetes-int-or-string") or (schema.get("type") == "string" and "format" not in schema):
        if "enum" in schema:
            return None
        most = schema.get("maxLength")
        return MAX_REQUEST - 2 if most is None else most * _BYTES_OF_CHARACTER
    if schema.get("type") in {"integer", "number", "boolean"}:
        return 1
    if schema.items_schema is not None:
        most = schema.get("maxItems")
        return MAX_REQUEST // (smallest_size(schema.items_schema) + 1) if most is None else int(most)
    return None


def _is_count(node: Node) -> bool:
    """Return whether a part is a number: a constant, a choice of constants, or a sum of such."""
    if node.kind == "const":
        return node.name == "number"
    choices = node.parts[1:] if node.name == "?:" else node.parts if node.name == "+" else ()
    return node.kind == "call" and bool(choices) and all(_is_count(part) for part in choices)


def budget_error(text: str, schema: Schema, cardinality: int | None, within: str) -> str:
    """Return by how much a rule exceeds the API server's budget, as far as it can be known; empty if it does not.

    Args:
        text: The rule.
        schema: The schema of the value ``self``.
        cardinality: Maximum number of such values in an object; None if a list or mapping around it has no maximum.
        within: The list or mapping that holds them.
    """
    cost = expression_cost(text, schema)
    if cost is None or not within:
        return ""
    times = MAX_REQUEST // (smallest_size(schema) + 1) if cardinality is None else cardinality
    if cost * times <= RULE_BUDGET:
        return ""
    return (
        f"costs up to {cost * times / RULE_BUDGET:.1f} times what the API server allows, since it is evaluated for "
        f"each of {times} parts of {within}: give that a max_length, or the rule less to look at"
    )
