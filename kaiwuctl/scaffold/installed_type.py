"""Reads the type of a kind from an installed package, with the Python that the project runs with.

A class is imported to learn its group, version and scope, so this happens in a process of its own: what the package
does when it is imported stays there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaiwuctl.errors import KaiwuctlError, UsageError
from kaiwuctl.names import api as rules
from kaiwuctl.names.external import EXTERNAL_KIND_RULES, EXTERNAL_VERSION_RULES
from kaiwuctl.names.rule import check, is_dns_subdomain, quoted

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.names.external import ClassName

_PACKAGE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION: Final = re.compile(r"[0-9A-Za-z.!-]+")
_TIMEOUT: Final = 60.0
_LIMIT: Final = 16 * 1024 * 1024

# Prints one line of JSON in front of which the package may have printed anything. It works with every version of
# kaiwu-runtime that has these names.
_SCRIPT: Final = """
import importlib, importlib.metadata, json, sys

def answer(**values):
    sys.stdout.flush()
    print("\\n" + sys.argv[3] + json.dumps(values), flush=True)
    # Threads that the package has started do not keep the process.
    import os
    os._exit(0)

module_name, name = sys.argv[1:3]
sys.path.append(".")
try:
    module = importlib.import_module(module_name)
except BaseException as error:
    missing = isinstance(error, ModuleNotFoundError) and (module_name + ".").startswith(str(error.name) + ".")
    lines = str(error).strip().splitlines()
    answer(problem="missing" if missing else "import", text=": ".join([type(error).__name__, *lines[:1]]))
from kaiwu_runtime.api import identify, resource_definition
kind = getattr(module, name, None)
if not isinstance(kind, type):
    answer(problem="class", names=sorted(key for key, value in vars(module).items() if isinstance(value, type)))
try:
    identity = identify(kind)
except TypeError as error:
    answer(problem="resource", text=str(error))
found = {field: getattr(identity, field) for field in ("group", "version", "kind", "plural", "namespaced")}
found["pydantic"] = resource_definition(kind) is not None
if found["pydantic"]:
    from kaiwu_runtime.generator import build_crds
    (crd,) = build_crds([kind])
    found["crd"] = crd.manifest
top = module_name.partition(".")[0]
names = sorted(set(importlib.metadata.packages_distributions().get(top, [])))
candidates = [importlib.metadata.distribution(each) for each in names]
file = getattr(module, "__file__", None)
# Several packages may share the top of a namespace package.
owners = [each for each in candidates if any(str(each.locate_file(path)) == file for path in each.files or ())]
for distribution in (owners or candidates)[:1]:
    direct = json.loads(distribution.read_text("direct_url.json") or "null")
    found["distribution"] = [distribution.metadata["Name"], distribution.version, (direct or {}).get("url", "")]
answer(**found)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledType:
    """What a class says about its kind.

    Attributes:
        group: In full.
        version: ``v1``.
        kind: ``Cache``.
        plural: ``caches``.
        namespaced: Scope.
        crd: The CRD of this version, where the class describes it.
        requirement: The line for requirements.txt; empty where no package index has the package.
        warning: What a person has to do; empty for nothing.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    crd: dict[str, Any] | None = None
    requirement: str = ""
    warning: str = ""


def read_installed_type(root: Path, name: ClassName) -> InstalledType:
    """Return what a class of an installed package, or of the project itself, says about its kind.

    Args:
        root: The project's folder. The package is looked for in its ``.venv``; without one, beside kaiwuctl.
        name: The class.

    Raises:
        UsageError: There is no such class, or it is not a kind.
        KaiwuctlError: The module cannot be imported.
    """
    python = root / ".venv/bin/python"
    where = ".venv" if python.exists() else "the environment of kaiwuctl, because the project has no .venv yet"
    found = _run(str(python) if python.exists() else sys.executable, root, name)
    problem = found.get("problem")
    if problem == "missing":
        raise UsageError(
            f"--from {quoted(str(name))}: there is no module {name.module} in {where}; install its package first, for "
            "example with .venv/bin/pip install PACKAGE"
        )
    if problem == "import":
        raise KaiwuctlError(
            f"--from {quoted(str(name))}: {name.module} cannot be imported: {_printable(found['text'])}"
        )
    if problem == "class":
        names = ", ".join(found["names"][:20]) or "none"
        raise UsageError(f"--from {quoted(str(name))}: {name.module} has no class {name.name}; its classes are {names}")
    if problem == "resource":
        raise UsageError(f"--from {quoted(str(name))}: {_printable(found['text'])}")
    _check(name, found)
    requirement, warning = _requirement(found.get("distribution"))
    return InstalledType(
        group=found["group"],
        version=found["version"],
        kind=found["kind"],
        plural=found["plural"],
        namespaced=found["namespaced"],
        crd=found.get("crd"),
        requirement=requirement,
        warning=warning,
    )


def _run(python: str, root: Path, name: ClassName) -> dict[str, Any]:
    # What the package prints is not taken for the answer.
    mark = secrets.token_hex(16)
    command = [python, "-c", _SCRIPT, name.module, name.name, mark]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        result = subprocess.run(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise KaiwuctlError(
            f"--from {quoted(str(name))}: importing {name.module} takes more than {_TIMEOUT:g} seconds"
        ) from None
    except OSError as error:
        raise KaiwuctlError(f"--from {quoted(str(name))}: {python} cannot be run: {error.strerror}") from None
    lines = result.stdout[-_LIMIT:].decode(errors="replace").strip().splitlines()
    try:
        answer = next(line for line in lines if line.startswith(mark))
        found = json.loads(answer.removeprefix(mark))
    except (StopIteration, ValueError):
        said = result.stderr.decode(errors="replace").strip().splitlines()
        reason = _printable(said[-1]) if said else f"exit status {result.returncode}"
        raise KaiwuctlError(f"--from {quoted(str(name))}: {name.module} cannot be imported: {reason}") from None
    return dict(found)


def _check(name: ClassName, found: dict[str, Any]) -> None:
    """Reject what no other flag could say: it becomes part of code and file names."""
    what = f"--from {quoted(str(name))}:"
    if not is_dns_subdomain(found["group"]) or "." not in found["group"]:
        raise UsageError(f"{what} its API group {quoted(found['group'])} is not that of another project's kind")
    check(found["version"], EXTERNAL_VERSION_RULES, what=f"{what} version")
    check(found["kind"], EXTERNAL_KIND_RULES, what=f"{what} kind")
    check(found["plural"], rules.PLURAL_RULES, what=f"{what} plural")


def _requirement(distribution: list[str] | None) -> tuple[str, str]:
    """Return the line for requirements.txt, and what a person has to do where there is none."""
    if distribution is None:
        return "", ""  # a module of the project itself
    package, version, url = distribution
    if url:
        place = _printable(url.partition("@")[2] or url)  # without credentials
        return "", (
            f"{package} was installed from {place}, where `make lock` does not look; add it to requirements.txt by hand"
        )
    minimum = version.partition("+")[0]
    if not _PACKAGE.fullmatch(package) or not _VERSION.fullmatch(minimum):
        return "", f"the name or version of {_printable(package)} is not valid; add it to requirements.txt by hand"
    return f"{package}>={minimum}", ""


def _printable(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:300]
