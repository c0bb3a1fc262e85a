"""What the names in an import become when modules get other names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaiwuctl.scaffold.python_files import absolute_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Imported:
    """One name of ``from module import name as alias``."""

    name: str
    alias: str

    def code(self) -> str:
        """Return it as it is written."""
        return f"{self.name} as {self.alias}" if self.alias else self.name


@dataclass(frozen=True, slots=True)
class NewNames:
    """What names in a file become."""

    path: str
    new_path: str
    modules: Mapping[str, str]

    def from_imports(self, level: int, module: str, names: Sequence[Imported]) -> dict[str, list[Imported]] | None:
        """Return the names of a from-import by what they are imported from now, dots included; None if unchanged."""
        old = absolute_module(self.path, level, module)
        if not old:
            return None
        found: dict[str, list[Imported]] = {}
        for each in names:
            moved = self.modules.get(f"{old}.{each.name}")
            base, name = self.modules.get(old, old), each.name
            if moved is not None:
                base, _, name = moved.rpartition(".")
            alias = each.alias
            if name != each.name:
                # What the name is in the file stays.
                alias = "" if alias == name else alias or each.name
            found.setdefault(self._written(level, module, base), []).append(Imported(name, alias))
        return None if found == {f"{'.' * level}{module}": list(names)} else found

    def _written(self, level: int, old: str, module: str) -> str:
        """Return how a file names a module that it named `old` after `level` dots: relatively, when it did."""
        if absolute_module(self.new_path, level, old) == module:
            return f"{'.' * level}{old}"
        package = self.new_path.split("/")[:-1]
        parts = module.split(".")
        if not level or package[:1] != parts[:1]:
            return module
        shared = 0
        while shared < min(len(package), len(parts)) and package[shared] == parts[shared]:
            shared += 1
        return "." * (len(package) - shared + 1) + ".".join(parts[shared:])
