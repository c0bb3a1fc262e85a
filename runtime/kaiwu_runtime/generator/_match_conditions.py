"""Check the CEL of a webhook's match conditions before the API server compiles it: syntax and names.

Types and functions are not checked here: only the API server can check them. See
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
"""

from __future__ import annotations

from kaiwu_runtime.generator._cel_syntax import CelSyntaxError, Node, TooDeepError, parse_cel

VARIABLES = ("authorizer", "object", "oldObject", "request")

_REQUEST = frozenset(
    [
        "dryRun",
        "kind",
        "name",
        "namespace",
        "object",
        "oldObject",
        "operation",
        "options",
        "requestKind",
        "requestResource",
        "requestSubResource",
        "resource",
        "subResource",
        "uid",
        "userInfo",
    ]
)
# Names of types are values too.
_TYPE_NAMES = "bool bytes double dyn duration google int list map null_type string timestamp type uint"
_TYPES = frozenset(_TYPE_NAMES.split())
_BINDING = {"all", "bind", "exists", "exists_one", "existsOne", "transformList", "transformMap", "transformMapEntry"}


def condition_error(expression: str) -> str:
    """Return why the API server would reject a match condition, as far as it can be known, or an empty string."""
    try:
        tree = parse_cel(expression)
        _check(tree, frozenset(VARIABLES))
    except CelSyntaxError as error:
        return f"does not parse: {error}"
    except _UnknownNameError as error:
        return str(error)
    except (TooDeepError, RecursionError):
        return ""
    if tree.kind in {"list", "map"} or (tree.kind == "const" and tree.name != "bool"):
        return "is not true or false: write a condition"
    return ""


class _UnknownNameError(ValueError):
    pass


def _check(node: Node, known: frozenset[str]) -> None:
    """Reject a name that no match condition has.

    Raises:
        _UnknownNameError: Says which there are.
    """
    match node.kind:
        case "ident":
            if node.name.removeprefix(".") not in known | _TYPES:
                raise _UnknownNameError(f"names {node.name!r}: match conditions have {', '.join(VARIABLES)}")
        case "select" | "has":
            target = node.parts[0]
            if target.kind == "ident" and target.name == "request" and "request" in known and node.name not in _REQUEST:
                raise _UnknownNameError(
                    f"names 'request.{node.name}', which does not exist: request has {', '.join(sorted(_REQUEST))}"
                )
            _check(target, known)
        case "macro":
            _check(node.parts[0], known)
            for part in node.parts[1:]:
                _check(part, known | {node.variable})
        case "call" if node.method and node.name in _BINDING:
            pass  # it names variables of its own
        case "call" if node.method and node.parts[0].kind == "ident":
            for part in node.parts[1:]:  # the target may be a library: sets.contains(...)
                _check(part, known)
        case "message":
            pass
        case _:
            for part in node.parts:
                _check(part, known)
