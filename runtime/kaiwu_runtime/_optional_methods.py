"""Methods that a class may or must override, and that are never called where their name is misspelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LIKENESS = 0.8


def misspelled(kind: type, base: type, methods: Sequence[str]) -> tuple[str, str] | None:
    """Return a method whose name is nearly that of one that the class does not override, and that name; else None.

    A name that begins with the whole other one, for instance ``builds``, is taken for meant.

    Args:
        kind: A class of a project.
        base: The class of the runtime that it inherits from.
        methods: Names of methods of the base that may be overridden.
    """
    # Not issubclass, which fails for some Protocols.
    classes = [each for each in kind.__mro__ if each not in base.__mro__]
    own = [
        name for each in classes for name, value in vars(each).items() if _is_method(value) and not hasattr(base, name)
    ]
    for method in methods:
        if getattr(kind, method) is not getattr(base, method):
            continue
        alike = [name for name in own if name[:1] == method[:1] and not name.startswith(method)]
        alike = [name for name in alike if abs(len(name) - len(method)) <= 2]
        if not alike:
            continue
        import difflib  # noqa: PLC0415 - few classes have such a method

        if found := difflib.get_close_matches(method, alike, 1, _LIKENESS):
            return found[0], method
    return None


def uncalled(kinds: Iterable[type]) -> str:
    """Return which method of an abstract class is never called, as its name is misspelled; empty without one.

    A class that is abstract because of it would be taken for a base class of others.

    Args:
        kinds: Classes of a project.
    """
    for kind in kinds:
        for method in sorted(getattr(kind, "__abstractmethods__", ())):
            base = next(each for each in kind.__mro__ if method in vars(each))
            if found := misspelled(kind, base, [method]):
                return f"{kind.__name__}.{found[0]} is never called: did you mean {method}?"
    return ""


def _is_method(value: object) -> bool:
    return isinstance(value, classmethod) or (callable(value) and not isinstance(value, type))
