"""The names that the fields and objects of a CRD have in Python."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import Final

_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# A field of these names would hide the type of the fields below it, or look like a number.
_HIDING: Final = frozenset({"bool", "dict", "float", "int", "l", "list", "str"})
_LONGEST_CLASS: Final = 60


def attribute_name(key: str, taken: set[str], *, kind: bool = False) -> str:
    """Return the attribute of a field, in snake_case, and add it to those that are taken.

    A keyword, and a name that every model has, gets an underscore behind it; a name that is taken gets a number.

    Args:
        key: The field's name in the object.
        taken: The attributes of the other fields of the model.
        kind: Whether it is a field of the kind itself, which has attributes that its parts have not.
    """
    spaced = _WORDS.sub("_", unicodedata.normalize("NFKC", key))
    name = re.sub(r"\W+|_+", "_", spaced).strip("_").lower()
    name = unicodedata.normalize("NFKC", name)
    if not name or not name.isidentifier():
        name = f"field_{name}" if f"field_{name}".isidentifier() and name else "field"
    if keyword.iskeyword(name) or name in _HIDING or name in _inherited(kind=kind):
        name = f"{name}_"
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name.rstrip('_')}_{number}"
    taken.add(unique)
    return unique


def pascal_case(key: str) -> str:
    """Return a field's name as a part of the name of a class: ``secret-ref`` gives ``SecretRef``."""
    words = re.split(r"[\W_]+", unicodedata.normalize("NFKC", key))
    joined = "".join(word[:1].upper() + word[1:] for word in words if word)
    return joined if f"A{joined}".isidentifier() else "Field"


@dataclass(slots=True)
class ClassNames:
    """The names of a module's classes.

    Attributes:
        kind: The name of the kind's class.
        taken: What the module defines or imports.
    """

    kind: str
    taken: set[str] = field(default_factory=set)

    def nested(self, parent: str, key: str) -> str:
        """Return a name for the class of a field: that of the class which has it, and the field's.

        A name that would be longer than 60 characters starts with the kind instead.
        """
        name = f"{parent}{pascal_case(key)}"
        return name if len(name) <= _LONGEST_CLASS else f"{self.kind}{pascal_case(key)}"[:_LONGEST_CLASS]

    def unique(self, name: str) -> str:
        """Return the name, with a number where it is taken, and take it."""
        found, number = name, 1
        while found in self.taken or keyword.iskeyword(found) or hasattr(builtins, found):
            number += 1
            found = f"{name}{number}"
        self.taken.add(found)
        return found


@cache
def _inherited(*, kind: bool) -> frozenset[str]:
    from kaiwu_runtime.api import APIModel, CustomResource  # noqa: PLC0415 - naming a class does not need pydantic

    base = CustomResource if kind else APIModel
    # A class has the names of its metaclass too, and a field without a default would get them as its default.
    return frozenset({*dir(base), *dir(type(base)), *base.model_fields})
