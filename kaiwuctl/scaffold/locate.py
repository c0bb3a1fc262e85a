"""Where the templates and the runtime's wheel are: in the installed package, or in a source checkout."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import kaiwuctl
from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.names.rule import quoted
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular

_PACKAGE = Path(kaiwuctl.__file__).parent
_CHECKOUT = _PACKAGE.parent
# https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention
_WHEEL_NAME = re.compile(
    r"kaiwu_runtime-(?P<version>[0-9][A-Za-z0-9._+!]*)(?:-[0-9][A-Za-z0-9_]*)?(?:-[A-Za-z0-9_.]+){3}\.whl"
)
_HASHED = "requirements-runtime.txt"
_HASHED_LINE = re.compile(
    rf"^\./vendor/(?P<name>{_WHEEL_NAME.pattern})[\s\\]+--hash=sha256:(?P<sha256>[0-9a-f]{{64}})", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class InstalledWheel:
    """The wheel of kaiwu-runtime that a project installs, whether it is there or not.

    Attributes:
        name: The file name.
        version: The version its name states.
        sha256: Hexadecimal digest that its content must have; None where the project does not say it.
    """

    name: str
    version: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class RuntimeWheel:
    """The wheel of kaiwu-runtime that a project gets below vendor/.

    Attributes:
        path: The file.
        version: The version its name states.
        sha256: Hexadecimal digest of its content.
        content: Its bytes.
    """

    path: Path
    version: str
    sha256: str
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The file name."""
        return self.path.name


def template_folder(name: str) -> Path:
    """Return the folder with the templates of a command.

    Args:
        name: ``init`` or ``api``.

    Raises:
        KaiwuctlError: The installation is incomplete.
    """
    for folder in (_PACKAGE / "templates", _CHECKOUT / "templates"):
        if (folder / name).is_dir():
            return folder / name
    raise KaiwuctlError(f"the template {name} is missing from {_PACKAGE}; install kaiwuctl again")


def runtime_wheel() -> RuntimeWheel:
    """Return the wheel of kaiwu-runtime that belongs to this kaiwuctl.

    The installed kaiwuctl carries it. In a source checkout it is built from runtime/, once for every state of
    those sources.

    Raises:
        KaiwuctlError: There is none, or it cannot be built.
    """
    wheels = sorted((_PACKAGE / "_vendor").glob("kaiwu_runtime-*.whl"))
    if not wheels and (_CHECKOUT / "runtime" / "pyproject.toml").is_file():
        wheels = [_built_wheel(_CHECKOUT / "runtime")]
    if not wheels:
        raise KaiwuctlError(f"the kaiwu-runtime wheel is missing from {_PACKAGE}; install kaiwuctl again")
    return describe_wheel(wheels[-1])


def vendored_wheel(project: Path) -> RuntimeWheel | None:
    """Return the wheel a project has below vendor/, of several the one that it installs; None without one."""
    wheels = sorted((project / "vendor").glob("kaiwu_runtime-*.whl"))
    if not wheels:
        return None
    installed = installed_wheel(project)
    wheel = next((each for each in wheels if installed is not None and each.name == installed.name), wheels[-1])
    path = f"vendor/{wheel.name}"
    version = _version(wheel.name, quoted(path))
    content = read_regular(project, path) or b""
    return RuntimeWheel(wheel, version, hashlib.sha256(content).hexdigest(), content)


def installed_wheel(project: Path) -> InstalledWheel | None:
    """Return the wheel that requirements-runtime.txt names; None when it names none."""
    text = (read_regular(project, _HASHED, limit=TEXT_LIMIT) or b"").decode(errors="replace")
    match = _HASHED_LINE.search(text)
    return None if match is None else InstalledWheel(match["name"], match["version"], match["sha256"])


def describe_wheel(path: Path) -> RuntimeWheel:
    """Return the version and digest of a wheel.

    Raises:
        KaiwuctlError: Its name is not that of a kaiwu-runtime wheel.
    """
    version = _version(path.name, str(path))
    content = path.read_bytes()
    return RuntimeWheel(path, version, hashlib.sha256(content).hexdigest(), content)


def _version(name: str, shown: str) -> str:
    match = _WHEEL_NAME.fullmatch(name)
    if match is None:
        raise KaiwuctlError(f"{shown}: is not a kaiwu-runtime wheel; remove it")
    return match["version"]


def _built_wheel(runtime: Path) -> Path:
    # A relative folder is ignored: https://specifications.freedesktop.org/basedir-spec/latest/
    home = os.path.expanduser("~/.cache")  # noqa: PTH111 - leaves ~ where there is none
    folders = (os.environ.get("XDG_CACHE_HOME", ""), home)
    base = next((each for each in folders if Path(each).is_absolute()), None) or tempfile.gettempdir()
    cache = Path(base) / "kaiwu" / "runtime-wheels"
    folder = cache / _digest_of_sources(runtime)
    for wheel in folder.glob("*.whl"):
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as build:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", build]
        result = subprocess.run(command, cwd=runtime, capture_output=True, text=True, check=False)
        wheels = list(Path(build).glob("*.whl"))
        if result.returncode != 0 or not wheels:
            reason = (result.stderr.strip() or "no wheel").splitlines()[-1]
            raise KaiwuctlError(f"{runtime}: kaiwu-runtime cannot be built: {reason}; run `make dev` in {_CHECKOUT}")
        return wheels[0].replace(folder / wheels[0].name)


def _digest_of_sources(runtime: Path) -> str:
    digest = hashlib.sha256()
    files = [path for path in runtime.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in sorted(files):
        digest.update(path.relative_to(runtime).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]
