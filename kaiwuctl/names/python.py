"""From Kubernetes names to Python ones.

All modules a project gets are below `api` or `controllers`: none can shadow a module of the standard
library, for any group and kind.
"""

from __future__ import annotations

import builtins
import codecs
import keyword
import re

# What the generated modules import or define beside the kind: a class of that name would replace it.
RESERVED_CLASS_NAMES = frozenset(
    {
        "APIModel",
        "Annotated",
        "Any",
        "CEL",
        "Cache",
        "CachedClient",
        "Client",
        "Condition",
        "Conditions",
        "ControllerBuilder",
        "CustomResource",
        "Duration",
        "Enum",
        "Field",
        "IntOrString",
        "Kube",
        "ListMapKeys",
        "ListType",
        "Literal",
        "Manager",
        "ManagerOptions",
        "MapType",
        "NotFoundError",
        "ObjectKey",
        "ObjectMeta",
        "ObjectReconciler",
        "Path",
        "PrinterColumn",
        "Quantity",
        "Reconciler",
        "Request",
        "Result",
        "Scale",
    }
)


# https://docs.python.org/3/reference/lexical_analysis.html#encoding-declarations
_ENCODING = re.compile(r"coding[:=][ \t]*([-\w.]+)", re.ASCII)


def names_other_encoding(line: str) -> bool:
    """Return whether Python reads a file, one of whose first two lines is this comment, in another encoding than UTF-8.

    Args:
        line: The comment, or a part of it.
    """
    found = _ENCODING.search(line)
    try:
        return found is not None and codecs.lookup(found[1]).name != "utf-8"
    except LookupError:
        return True


def group_module(group: str) -> str:
    """Return the Python package name of an API group: ``sea-creatures.x`` gives ``sea_creatures_x``.

    A keyword takes a trailing underscore as PEP 8 has it, a leading digit ``group_`` in front.
    """
    name = re.sub(r"[^a-z0-9]", "_", group)
    if keyword.iskeyword(name):
        return f"{name}_"
    return f"group_{name}" if name[:1].isdigit() else name


def snake_case(name: str) -> str:
    """Return a kind in snake_case: ``KaiwuCluster`` gives ``kaiwu_cluster``, ``HTTPRoute`` ``http_route``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return f"{spaced}_" if keyword.iskeyword(spaced) else spaced


def controller_module(controller_name: str) -> str:
    """Return the module of a controller: ``captain-backup`` gives ``captain_backup_controller``."""
    return f"{controller_name.replace('-', '_')}_controller"


def reconciler_class(controller_name: str) -> str:
    """Return the class of a named controller: ``captain-backup`` gives ``CaptainBackupReconciler``."""
    return reconciler_of("".join(word[:1].upper() + word[1:] for word in controller_name.split("-")))


def reconciler_of(kind: str) -> str:
    """Return the class of a kind's controller: ``KaiwuCluster`` gives ``KaiwuClusterReconciler``.

    ``Object`` gives ``ObjectKindReconciler``, because the generated module imports ObjectReconciler.
    """
    name = f"{kind}Reconciler"
    return f"{kind}KindReconciler" if is_reserved_class(name) else name


def is_reserved_class(name: str) -> bool:
    """Whether the name is a keyword, a built-in, or imported by the generated modules."""
    return keyword.iskeyword(name) or hasattr(builtins, name) or name in RESERVED_CLASS_NAMES
