"""Rewrites the imports of a Python file when modules get other names; everything else stays to the byte.

The file is parsed by libcst, which knows where each name comes from and where each node stands in the text. What cannot
be known from the text, such as a module's name in a string, is not changed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaiwuctl.scaffold.import_order import in_order
from kaiwuctl.scaffold.moved_names import Imported, NewNames
from kaiwuctl.scaffold.source_text import Change, SourceText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import libcst as cst
    from libcst.metadata import CodeRange


_BYTE_ORDER_MARK: Final = "\ufeff"


class UnreadableSourceError(Exception):
    """A text is not Python that can be read."""


def rewrite_imports(source: str, path: str, new_path: str, modules: Mapping[str, str]) -> str:
    """Return a Python file whose imports name modules as they are called now.

    Args:
        source: The file.
        path: Where it was, relative to the project: what relative imports start from.
        new_path: Where it is now.
        modules: The new name of each module that has one, by the old name, in dots.

    Raises:
        UnreadableSourceError: It is not Python that can be read.
    """
    if path == new_path and not any(module.rpartition(".")[2] in source for module in modules):
        return source
    if source.startswith(_BYTE_ORDER_MARK):
        return _BYTE_ORDER_MARK + rewrite_imports(source[1:], path, new_path, modules)
    try:
        # Python's parser has limits on nesting; libcst's ends the process.
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(str(error)) from None
    import libcst  # noqa: PLC0415 - 0.15 s that only a file with such an import needs
    from libcst.metadata import MetadataWrapper, PositionProvider  # noqa: PLC0415

    try:
        wrapper = MetadataWrapper(libcst.parse_module(source), unsafe_skip_copy=True)
        ranges = dict(wrapper.resolve(PositionProvider))
    except (libcst.ParserSyntaxError, RecursionError) as error:
        raise UnreadableSourceError(str(error)) from None
    text = SourceText(source)
    changes: list[Change] = []
    names = NewNames(path, new_path, modules)
    for node in ranges:
        if isinstance(node, libcst.IndentedBlock | libcst.Module):
            changes += _block_changes(node.body, text, ranges, names)
        elif isinstance(node, libcst.SimpleStatementSuite):
            changes += _change_in_line(node, text, ranges, names)
    changes += _attribute_changes(wrapper, text, ranges, modules)
    return text.changed(changes)


@dataclass(frozen=True, slots=True)
class _Import:
    """An import on lines of its own.

    Attributes:
        start: Where it begins.
        end: The end of its last line, after a comment.
        old: What stands there.
        new: The imports that take its place, each with its lines.
    """

    start: int
    end: int
    old: str
    new: list[str]


def _block_changes(
    statements: Sequence[cst.CSTNode], text: SourceText, ranges: Mapping[cst.CSTNode, CodeRange], names: NewNames
) -> Iterator[Change]:
    """Return the changes of the imports in a block.

    Imports that follow one another line by line, in the order of ruff and isort, are put into that order again.
    """
    run: list[_Import] = []
    for statement in statements:
        found = _import_alone(statement, text, ranges, names)
        if run and (found is None or getattr(statement, "leading_lines", None)):
            yield from _in_order(run, text)
            run = []
        if found is not None:
            run.append(found)
        else:
            yield from _change_in_line(statement, text, ranges, names)
    yield from _in_order(run, text)


def _in_order(run: Sequence[_Import], text: SourceText) -> Iterator[Change]:
    old, new = [each.old for each in run], [line for each in run for line in each.new]
    if old == new:
        return
    between = f"{text.newline}{_indentation(text.source, run[0].start)}"
    yield Change(run[0].start, run[-1].end, between.join(in_order(old, new)))


def _import_alone(
    statement: Any,  # noqa: ANN401 - a statement of libcst
    text: SourceText,
    ranges: Mapping[cst.CSTNode, CodeRange],
    names: NewNames,
) -> _Import | None:
    """Return a statement that is one import on lines of its own."""
    import libcst  # noqa: PLC0415

    if not isinstance(statement, libcst.SimpleStatementLine) or len(statement.body) != 1:
        return None
    found = _rewritten(statement.body[0], text, ranges, names)
    if found is None:
        return None
    start, last = text.span(ranges[statement.body[0]])
    end = text.line_end(last)
    return _Import(start, end, text.source[start:end], [*found[:-1], found[-1] + text.source[last:end]])


def _change_in_line(
    statement: Any,  # noqa: ANN401 - a statement of libcst
    text: SourceText,
    ranges: Mapping[cst.CSTNode, CodeRange],
    names: NewNames,
) -> Iterator[Change]:
    """Return the changes of imports that share their line with other statements."""
    import libcst  # noqa: PLC0415

    if isinstance(statement, libcst.SimpleStatementLine | libcst.SimpleStatementSuite):
        for small in statement.body:
            found = _rewritten(small, text, ranges, names)
            start, end = text.span(ranges[small])
            if found is not None and "; ".join(found) != text.source[start:end]:
                yield Change(start, end, "; ".join(found))


def _rewritten(
    node: cst.CSTNode, text: SourceText, ranges: Mapping[cst.CSTNode, CodeRange], names: NewNames
) -> list[str] | None:
    """Return the statements that an import becomes; None for another statement."""
    import libcst  # noqa: PLC0415

    if isinstance(node, libcst.ImportFrom):
        start, end = text.span(ranges[node])
        return _rewritten_from(node, text.source[start:end], names)
    if isinstance(node, libcst.Import):
        return [_rewritten_import(node, text, ranges, names.modules)]
    return None


def _indentation(source: str, position: int) -> str:
    line = source[source.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip())]


def _rewritten_from(node: cst.ImportFrom, code: str, names: NewNames) -> list[str]:
    import libcst  # noqa: PLC0415

    level, module = len(node.relative), _dotted(node.module) if node.module is not None else ""
    if isinstance(node.names, libcst.ImportStar):
        imported = [Imported("*", "")]
    else:
        imported = [Imported(_dotted(each.name), _alias(each)) for each in node.names]
    found = names.from_imports(level, module, imported)
    if found is None:
        return [code]
    if list(found.values()) == [imported]:
        # Only the module has another name: parentheses and comments stay.
        head, _, tail = code.partition(f"{'.' * level}{module}")
        if head.split() == ["from"]:
            return [f"{head}{next(iter(found))}{tail}"]
    return [f"from {base} import {', '.join(each.code() for each in kept)}" for base, kept in found.items()]


def _rewritten_import(
    node: cst.Import, text: SourceText, ranges: Mapping[cst.CSTNode, CodeRange], modules: Mapping[str, str]
) -> str:
    start, end = text.span(ranges[node])
    code = text.source[start:end]
    for each in reversed(node.names):
        new = modules.get(_dotted(each.name))
        if new is not None:
            first, last = text.span(ranges[each.name])
            code = code[: first - start] + new + code[last - start :]
    return code


def _attribute_changes(
    wrapper: Any,  # noqa: ANN401 - libcst's wrapper of a module
    text: SourceText,
    ranges: Mapping[cst.CSTNode, CodeRange],
    modules: Mapping[str, str],
) -> Iterator[Change]:
    """Return the changes of `api.v1.shop_types.Shop` below an `import api.v1.shop_types`."""
    import libcst  # noqa: PLC0415
    from libcst.metadata import QualifiedNameProvider, QualifiedNameSource, ScopeProvider  # noqa: PLC0415

    attributes = [node for node in ranges if isinstance(node, libcst.Attribute) and _dotted(node) in modules]
    if not attributes:
        return
    qualified, scopes = wrapper.resolve(QualifiedNameProvider), wrapper.resolve(ScopeProvider)
    for node in attributes:
        name, known = _dotted(node), qualified.get(node, ())
        found = {
            each.name for each in (known() if callable(known) else known) if each.source is QualifiedNameSource.IMPORT
        }
        if name in found and not _is_assigned(scopes.get(node), name.partition(".")[0]):
            start, end = text.span(ranges[node])
            yield Change(start, end, modules[name])


def _is_assigned(scope: Any, name: str) -> bool:  # noqa: ANN401 - a scope of libcst
    """Whether a name means something else than an imported package in a scope or around it."""
    while scope is not None:
        if any(not hasattr(each, "get_module_name_for_import") for each in scope.assignments[name]):
            return True
        scope = None if scope.parent is scope else scope.parent
    return False


def _dotted(node: Any) -> str:  # noqa: ANN401 - a name or an attribute of libcst
    """Return a dotted name; empty for anything else."""
    parts: list[str] = []
    while hasattr(node, "attr"):
        parts.append(node.attr.value)
        node = node.value
    name = getattr(node, "value", None)
    return ".".join([name, *reversed(parts)]) if isinstance(name, str) and type(node).__name__ == "Name" else ""


def _alias(node: cst.ImportAlias) -> str:
    return _dotted(node.asname.name) if node.asname is not None else ""
