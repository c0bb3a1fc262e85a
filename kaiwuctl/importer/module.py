"""The text of a module with the types of one version of a kind."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from kaiwuctl.importer.layout import WIDTH, Group, Optional, Text, columns, escaped, literal, split
from kaiwuctl.importer.module_check import check_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kaiwuctl.importer.expressions import Expression, Model, ModelField

_INDENT: Final = 4
_STANDARD_LIBRARY: Final = frozenset({"typing"})
_LONG_QUOTES: Final = re.compile(r'"{3,}')
_ENDING_QUOTES: Final = re.compile(r'"{3,}|"\Z')


def module_text(kind: Model, models: Sequence[Model], *, summary: str, header: str) -> str:
    """Return the module of a kind.

    Args:
        kind: The kind's own class.
        models: The other classes, each behind those that it names.
        summary: The module's docstring.
        header: Licence header as ``#`` lines; may be empty.

    Raises:
        CRDError: A text of the CRD would become code, or a value has no literal in Python.
    """
    for model in models:
        model.description = _shared_description(model.described)
    classes = [*models, kind]
    body = "\n\n\n".join(_class_text(model, "CustomResource" if model is kind else "APIModel") for model in classes)
    parts = [f"{header}\n"] if header else []
    imports = _imported_names(classes)
    parts += [_documentation(summary, 0), _imports(imports)]
    text = "\n\n".join(part.rstrip("\n") for part in parts) + f"\n\n\n{body}\n"
    check_module(text, summary, imports, classes)
    return text


def _shared_description(described: Sequence[str | None]) -> str | None:
    """Return the docstring of a class: what most values of the type have; None if one of them has no description."""
    if not described or None in described:
        return None
    return Counter(described).most_common(1)[0][0]


def _class_text(model: Model, base: str) -> str:
    lines: list[str] = []
    if model.markers:
        schema = Group("@schema(", tuple(marker.layout() for marker in model.markers), ")")
        lines.append(schema.lay_out(0, 0, 0))
    if model.resource is not None:
        lines.append(f"@{model.resource.layout().lay_out(0, 1, 0)}")
    # In some fonts these look like digits, which the linter of a project reports.
    remark = "  # noqa: E742" if model.name in {"I", "O"} else ""
    lines.append(f"class {model.name}({base}):{remark}")
    sections: list[str] = []
    if model.description is not None:
        sections.append(_documentation(model.description, _INDENT, of_class=True))
    documented = False
    for each in model.fields:
        text, has_text = _field_text(each)
        # An empty line behind the docstring of the class, and around each field that has text below it.
        if sections and (documented or has_text or len(sections) == (model.description is not None)):
            text = f"\n{text}"
        sections.append(text)
        documented = has_text
    if not sections:
        sections.append(f"{' ' * _INDENT}pass")
    return "\n".join([*lines, *sections])


def _field_text(each: ModelField) -> tuple[str, bool]:
    text = _annotated(each)
    if not each.is_documented():
        return text, False
    return f"{text}\n{_documentation(str(each.type.description), _INDENT)}", True


def _annotated(each: ModelField) -> str:
    start = f"{' ' * _INDENT}{each.attribute}: "
    layout = each.type.layout()
    if each.default is None:
        return f"{start}{layout.lay_out(_INDENT, columns(start), 0)}"
    default, width = each.default.flat(), columns(start) + columns(layout.flat())
    if width + columns(f" = {default}") <= WIDTH:
        return f"{start}{layout.flat()} = {default}"
    if width + len(" = (") <= WIDTH and isinstance(layout, Optional):
        return f"{start}{layout.flat()} = (\n{' ' * 2 * _INDENT}{default}\n{' ' * _INDENT})"
    if width + len(" = (") <= WIDTH and not isinstance(each.default, Text):
        return f"{start}{layout.flat()} = {each.default.lay_out(_INDENT, width + len(' = '), 0)}"
    first = layout.lay_out(_INDENT, columns(start), columns(f" = {default}"))
    used = columns(first.rpartition("\n")[2]) + len(" = ")
    return f"{start}{first} = {each.default.lay_out(_INDENT, used, 0)}"


def _documentation(text: str, indent: int, *, of_class: bool = False) -> str:
    """Return a docstring; lines that are too long, or end in spaces, become strings that Python joins."""
    margin = " " * indent
    lines = text.split("\n")
    raw = "\\" in text and text.replace("\n", "").isprintable() and '"""' not in text and text[-1] not in '\\"'
    # A space at the end of a line is written as what editors and formatters keep.
    spaced = any(line != line.rstrip() for line in lines)
    raw = raw and not spaced
    last = len(lines) - 1
    written = lines if raw else [_in_docstring(line, last=number == last) for number, line in enumerate(lines)]
    if written[0].startswith('"'):
        written[0] = f" {written[0]}" if raw else f"\\{written[0]}"
    opening = f'{margin}{"r" if raw else ""}"""'
    one_line = len(written) == 1
    widths = [
        len(opening) + columns(written[0]) + (3 if one_line else 0),
        *(indent + columns(line) for line in written[1:]),
    ]
    if max(widths) <= WIDTH:
        if one_line:
            return f'{opening}{written[0]}"""'
        rest = [f"{margin}{line}" if line else "" for line in written[1:]]
        return "\n".join([f"{opening}{written[0]}", *rest, f'{margin}"""'])
    # ruff joins the strings of a docstring that stands in a class.
    start, end = (f"{margin}__doc__ = ", "") if of_class else (f"{margin}(", ")")
    if columns(start) + columns(literal(text)) + len(end) <= WIDTH:
        return f"{start}{literal(text)}{end}"
    pieces = split(text, WIDTH - indent - _INDENT)
    strings = "".join(f"{margin}{' ' * _INDENT}{literal(piece)}\n" for piece in pieces)
    return f"{start}{'(' if of_class else ''}\n{strings}{margin})"


def _in_docstring(line: str, *, last: bool) -> str:
    """Return a line as it stands between three quotes: nothing in it ends the string, or is lost in an editor."""
    runs = _ENDING_QUOTES if last else _LONG_QUOTES
    text = runs.sub(lambda run: '\\"' * len(run[0]), escaped(line))
    return f"{text[:-1]}\\x20" if text.endswith(" ") else text


def _imported_names(classes: Iterable[Model]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {"kaiwu_runtime.api": {"CustomResource"}}
    for model in classes:
        if model.resource is None:
            names["kaiwu_runtime.api"].add("APIModel")
        else:
            names["kaiwu_runtime.api"] |= model.resource.names()
        if model.markers:
            names["kaiwu_runtime.api"] |= {"schema"}.union(*(marker.names() for marker in model.markers))
        for each in model.fields:
            _collect(each.type, names)
    return names


def _imports(names: Mapping[str, set[str]]) -> str:
    lines = {module: _import(module, found) for module, found in sorted(names.items())}
    standard = [line for module, line in lines.items() if module in _STANDARD_LIBRARY]
    others = [line for module, line in lines.items() if module not in _STANDARD_LIBRARY]
    return "\n\n".join("\n".join(part) for part in (standard, others) if part)


def _collect(expression: Expression, names: dict[str, set[str]]) -> None:
    for module, name in expression.used_names():
        where = "pydantic" if name == "Field" else module
        names.setdefault(where, set()).add(name)


def _import(module: str, names: set[str]) -> str:
    ordered = sorted(names, key=_import_order)
    line = f"from {module} import {', '.join(ordered)}"
    if columns(line) <= WIDTH:
        return line
    inner = "".join(f"    {name},\n" for name in ordered)
    return f"from {module} import (\n{inner})"


def _import_order(name: str) -> tuple[int, str, str]:
    """Order as ruff does: constants, classes, functions."""
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, name.lower(), name
