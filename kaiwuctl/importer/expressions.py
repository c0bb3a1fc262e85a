"""The types of a module before it is written: expressions, fields and classes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from kaiwuctl.importer.layout import Group, Layout, Named, Optional, Text, value_layout


@dataclass(frozen=True, slots=True)
class Call:
    """A marker: ``CEL("self > 0", message="must be positive")``.

    Attributes:
        name: Of the class, imported from `kaiwu_runtime.api`; or ``Field``.
        arguments: JSON, or other calls.
        keywords: The same, with names.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()

    def key(self) -> str:
        """Return a text that equal calls share."""
        return f"{self.name}{json.dumps([self.arguments, self.keywords], default=lambda call: call.key())}"

    def layout(self) -> Layout:
        """Return it as an expression."""
        parts = [_argument(value) for value in self.arguments]
        parts += [Named(f"{name}=", _argument(value)) for name, value in self.keywords]
        return Group(f"{self.name}(", tuple(parts), ")")

    def names(self) -> set[str]:
        """Return the names that it needs."""
        found = {self.name}
        for value in (*self.arguments, *(value for _, value in self.keywords)):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Call):
                    found |= item.names()
        return found


def _argument(value: Any) -> Layout:  # noqa: ANN401 - JSON or a call
    if isinstance(value, Call):
        return value.layout()
    if isinstance(value, list) and value and all(isinstance(item, Call) for item in value):
        return Group("[", tuple(item.layout() for item in value), "]")
    return value_layout(value)


@dataclass(slots=True)
class Expression:
    """The type of a value.

    Attributes:
        base: ``str``, ``list``, ``dict``, ``Literal``; the name of a model's class is its own.
        arguments: What stands in its brackets: types, or the values of a Literal.
        names: What `base` needs to be imported, by module.
        model: The class, where it is one of this module.
        optional: Whether it may be None.
        markers: In ``Annotated``.
        limits: The arguments of ``Field``.
        description: Of the value.
    """

    base: str
    arguments: tuple[Any, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    model: Model | None = None
    optional: bool = False
    markers: list[Call] = field(default_factory=list)
    limits: dict[str, Any] = field(default_factory=dict)
    description: str | None = None
    inner: bool = False

    def key(self) -> str:
        """Return a text that equal types share."""
        arguments = [item.key() if isinstance(item, Expression) else repr(item) for item in self.arguments]
        markers = [marker.key() for marker in self.markers]
        model = self.model.name if self.model is not None else ""
        text = repr((self.base, model, arguments, self.optional, markers, self.limits, self.description))
        # The text of a text doubles the backslashes of each part, and their number with each level.
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

    def layout(self) -> Layout:
        """Return it as it stands behind the colon of a field."""
        limits = dict(self.limits)
        if self.inner and self.description is not None and self._documents():
            limits["description"] = self.description
        metadata = [marker.layout() for marker in self.markers]
        if limits:
            metadata.append(Call("Field", (), tuple(limits.items())).layout())
        bare = self._bare(nested=bool(metadata))
        if not metadata:
            return bare
        return Group("Annotated[", (bare, *metadata), "]")

    def used_names(self) -> set[tuple[str, str]]:
        """Return the names to import, by module: those of its parts too."""
        found = set(self.names)
        for item in self.arguments:
            if isinstance(item, Expression):
                found |= item.used_names()
        limited = bool(self.limits) or (self.inner and self.description is not None and self._documents())
        if self.markers or limited:
            found.add(("typing", "Annotated"))
        if limited:
            found.add(("pydantic", "Field"))
        for marker in self.markers:
            found |= {("kaiwu_runtime.api", name) for name in marker.names()}
        return found

    def models(self) -> list[Model]:
        """Return the classes that it names."""
        found = [self.model] if self.model is not None else []
        for item in self.arguments:
            if isinstance(item, Expression):
                found += item.models()
        return found

    def _documents(self) -> bool:
        """Whether the description is not that of the class."""
        return self.model is None or self.model.description != self.description

    def _bare(self, *, nested: bool) -> Layout:
        base = self.model.name if self.model is not None else self.base
        bare: Layout = Text(base)
        if self.arguments:
            parts = tuple(
                item.layout() if isinstance(item, Expression) else value_layout(item) for item in self.arguments
            )
            bare = Group(f"{base}[", (Text("str"), *parts) if base == "dict" else parts, "]")
        return Optional(bare, nested) if self.optional else bare


@dataclass(slots=True)
class ModelField:
    """A field of a class.

    Attributes:
        attribute: In Python.
        key: In the object.
        type: With `alias` among its limits where the two names are not one.
        default: A Python expression; None where there is none.
    """

    attribute: str
    key: str
    type: Expression
    default: Layout | None = None

    def is_documented(self) -> bool:
        """Whether a docstring stands below it: its class has another one, or there is no class."""
        text, model = self.type.description, self.type.model
        return text is not None and (model is None or model.description != text)

    def identity(self) -> str:
        """Return a text that equal fields share."""
        return repr((self.attribute, self.type.key(), self.default.flat() if self.default is not None else None))


@dataclass(slots=True)
class Model:
    """A class of the module.

    Attributes:
        name: Its own.
        fields: In the order of the CRD.
        markers: Of its ``@schema``.
        description: Its docstring; None where it has none.
        described: The description of each value of this type; None for one that has none.
        resource: The ``@resource`` of a kind.
    """

    name: str
    fields: list[ModelField] = field(default_factory=list)
    markers: list[Call] = field(default_factory=list)
    description: str | None = None
    described: list[str | None] = field(default_factory=list)
    resource: Call | None = None

    def identity(self) -> str:
        """Return a text that equal classes share, whatever they are called."""
        return repr(([each.identity() for each in self.fields], [marker.key() for marker in self.markers]))

    def needs_nothing(self) -> bool:
        """Whether an instance can be made without a value."""
        return all(each.default is not None for each in self.fields)
