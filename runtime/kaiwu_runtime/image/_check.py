"""Check that an image will contain every module that the operator imports, before a pod fails with ModuleNotFoundError.

Follows the imports of main.py, and of the controllers, webhooks and types that are found by the names of their files.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib import machinery, metadata
from pathlib import Path

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.image._dockerignore import DockerIgnore
from kaiwu_runtime.image._imports import Import, imports_of
from kaiwu_runtime.image._requirements import normalized, required
from kaiwu_runtime.slim import DEVELOPMENT

_ENTRY = "main.py"
_IGNORE_FILES = ("Dockerfile.dockerignore", ".dockerignore")
_REQUIREMENTS = "requirements.txt"
_DISCOVERED = ("_controller.py", "_webhook.py", "_types.py")


def check(folder: Path) -> list[str]:
    """Return a line for each module that the image of a project would lack; none when it is complete.

    Args:
        folder: The project's root, with main.py, .dockerignore and requirements.txt.

    Raises:
        ConfigurationError: One of these files cannot be read.
    """
    return _Check(folder).run()


class _Check:
    """The state of one check: which files were looked at, and what was found."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._ignore_name = next((name for name in _IGNORE_FILES if (folder / name).is_file()), _IGNORE_FILES[-1])
        ignore_file = folder / self._ignore_name
        try:
            self._ignore = DockerIgnore(_text(ignore_file) if ignore_file.exists() else "")
        except ValueError as error:
            raise ConfigurationError(f"{ignore_file}:{error}") from None
        self._required = required(folder / _REQUIREMENTS)
        self._distributions = metadata.packages_distributions()
        self._seen: set[Path] = set()
        self._problems: dict[str, None] = {}

    def run(self) -> list[str]:
        if not (self._root / _ENTRY).is_file():
            raise ConfigurationError(f"{self._root / _ENTRY} does not exist; the image runs it")
        self._visit(self._root / _ENTRY, "")
        packages = {path.relative_to(self._root).parts[0] for path in self._seen if path.parent != self._root}
        for package in sorted(packages):
            for file in sorted((self._root / package).rglob("*.py")):
                if file.name.endswith(_DISCOVERED):
                    self._visit(file, "its name")
        return list(self._problems)

    def _visit(self, file: Path, needed_by: str) -> None:
        """Look at a file of the project, and at what it imports."""
        if file in self._seen:
            return
        self._seen.add(file)
        name = file.relative_to(self._root).as_posix()
        pattern = self._ignore.ignored_by(name)
        if pattern is not None:
            how = f"imported by {needed_by}" if ":" in needed_by else "found by its name"
            self._report(
                f"{name} is not in the image: it is {how if needed_by else 'what the image runs'}, and "
                f"{self._ignore_name}:{pattern.line} leaves it out by {pattern.text!r}; add a line '!{name}'"
            )
        if file.suffix != ".py":
            return
        inside = ".".join(file.relative_to(self._root).parent.parts)
        try:
            found = imports_of(file.read_bytes(), inside)
        except (OSError, SyntaxError, ValueError) as error:
            line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            self._report(f"{name}{line} cannot be compiled: {getattr(error, 'msg', None) or error}")
            return
        for each in found:
            self._follow(each, f"{name}:{each.line}")

    def _follow(self, imported: Import, where: str) -> None:
        top, _, below = imported.module.partition(".")
        if top and not self._is_own(top):
            if top == "kaiwu_runtime":
                for name in DEVELOPMENT:
                    if name == below.partition(".")[0] or (not below and name in imported.names):
                        self._report(f"{where} imports kaiwu_runtime.{name}, which is for development: no image has it")
            self._check_installed(top, where)
            return
        place, missing = self._root, ""
        for part in imported.module.split(".") if imported.module else ():
            files = list(_module(place, part))
            for file in files:
                self._visit(file, where)
            if not files and not (place / part).is_dir():
                missing = part
                break
            place /= part
        if missing:
            self._report(
                f"{where} imports {imported.module}, and there is no module {missing!r} in {self._show(place)}"
            )
            return
        for name in imported.names:
            for file in _module(place, name):
                self._visit(file, where)

    def _is_own(self, top: str) -> bool:
        """Return whether a module is one of the project's, as Python would: before any other of its name."""
        if top in sys.builtin_module_names:
            return False
        if any(True for _ in _module(self._root, top)):
            return True
        # A folder without __init__.py counts only where nothing else has the name.
        return any((self._root / top).glob("**/*.py")) and self._found_elsewhere(top) is None

    def _found_elsewhere(self, top: str) -> machinery.ModuleSpec | None:
        if top in sys.stdlib_module_names:
            return importlib.util.find_spec(top)
        places = [place for place in sys.path if place and Path(place).resolve() != self._root.resolve()]
        return machinery.PathFinder.find_spec(top, places)

    def _check_installed(self, top: str, where: str) -> None:
        if top in sys.stdlib_module_names:
            return
        distributions = self._distributions.get(top)
        if not distributions:
            if self._found_elsewhere(top) is None:
                self._report(f"{where} imports {top}, which is not installed; add its package to {_REQUIREMENTS}")
        elif not any(normalized(each) in self._required for each in distributions):
            name = min(distributions)
            self._report(f"{where} imports {top} of the package {name}, which is not in {_REQUIREMENTS}; add it there")

    def _report(self, problem: str) -> None:
        self._problems[problem] = None

    def _show(self, place: Path) -> str:
        return "the project" if place == self._root else place.relative_to(self._root).as_posix()


def _module(place: Path, name: str) -> Iterator[Path]:
    """Yield the file of a module or package: Python, or compiled."""
    package = place / name / "__init__.py"
    if package.is_file():
        yield package
        return
    for suffix in (*machinery.EXTENSION_SUFFIXES, *machinery.SOURCE_SUFFIXES):
        if (place / f"{name}{suffix}").is_file():
            yield place / f"{name}{suffix}"
            return


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
