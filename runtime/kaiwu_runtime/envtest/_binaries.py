"""Find the programs of a control plane on this machine, without changing anything.

The order is ``KUBEBUILDER_ASSETS``, ``PATH``, the cache. Missing programs are obtained by
:mod:`kaiwu_runtime.envtest._provision`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from kaiwu_runtime.envtest._directories import writable_by_others
from kaiwu_runtime.errors import ControlPlaneError

DEFAULT_VERSION = "1.37.2"
ETCD, API_SERVER, CONTROLLER_MANAGER = "etcd", "kube-apiserver", "kube-controller-manager"
_PROGRAMS = (ETCD, API_SERVER, CONTROLLER_MANAGER)
SETUP_COMMAND = "python -m kaiwu_runtime.envtest setup"

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "amd64": "amd64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs found.

    Attributes:
        etcd: Path of etcd.
        api_server: Path of kube-apiserver.
        controller_manager: Path of kube-controller-manager; None when it was not asked for.
        version: Version of kube-apiserver, for example ``1.37.2``.
        place: Where they were found, in words.
    """

    etcd: Path
    api_server: Path
    controller_manager: Path | None
    version: str
    place: str

    @property
    def directory(self) -> Path:
        """Directory of kube-apiserver, the value to give KUBEBUILDER_ASSETS."""
        return self.api_server.parent


@dataclass(slots=True)
class Attempts:
    """The sources that were tried, and why each failed."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def add(self, place: str, reason: str) -> None:
        """Record that `place` failed because of `reason`."""
        self.rows.append((place, reason))

    def error(self, wanted: str, advice: str) -> ControlPlaneError:
        """Return the error that lists everything.

        Args:
            wanted: The missing programs.
            advice: How the user can solve the problem.
        """
        width = max((len(place) for place, _ in self.rows), default=0)
        lines = [f"  {place.ljust(width)}  {reason}" for place, reason in self.rows]
        return ControlPlaneError("\n".join([f"no {wanted}; tried, in this order:", *lines, advice]))


def system() -> str:
    """Return this machine's name in an envtest archive, for example ``linux-amd64``.

    Raises:
        ControlPlaneError: Kubernetes is not available for this machine.
    """
    name, machine = platform.system().lower(), platform.machine().lower()
    if name not in {"linux", "darwin"} or machine not in _ARCHITECTURES:
        raise ControlPlaneError(f"no etcd and kube-apiserver exist for {name} on {machine}; use Linux, macOS or WSL")
    return f"{name}-{_ARCHITECTURES[machine]}"


def cache_directory() -> Path:
    """Return ``$KAIWU_ENVTEST_DIR``, else ``kaiwu/envtest`` in ``$XDG_CACHE_HOME``, else in ``~/.cache``.

    Raises:
        ControlPlaneError: The user has no home folder.
    """
    if chosen := os.environ.get("KAIWU_ENVTEST_DIR"):
        return _in_home(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The specification of XDG_CACHE_HOME says that a relative path is to be ignored.
    return (Path(base) if base and Path(base).is_absolute() else _in_home("~/.cache")) / "kaiwu" / "envtest"


def _in_home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no HOME, and a uid that has no entry in the list of users
        raise ControlPlaneError(f"{path}: the home directory is not known: set HOME or KAIWU_ENVTEST_DIR") from None


def requested_version(version: str | None) -> str | None:
    """Return the argument, else ``$KAIWU_ENVTEST_VERSION``, without its ``v``; None when neither is set.

    Raises:
        ControlPlaneError: It is neither ``1.37.2`` nor ``1.37``.
    """
    text = version or os.environ.get("KAIWU_ENVTEST_VERSION")
    if not text:
        return None
    if _VERSION.fullmatch(text) is None:
        source = "--version" if version else "KAIWU_ENVTEST_VERSION"
        raise ControlPlaneError(
            f"{source} {text!r} is not a valid Kubernetes version; write for example 1.37.2 or 1.37"
        )
    return text.removeprefix("v")


def version_matches(version: str, wanted: str | None) -> bool:
    """Return whether `version` is `wanted`, or a patch release of it when `wanted` has no patch number."""
    return wanted is None or version == wanted or (wanted.count(".") == 1 and version.startswith(f"{wanted}."))


def version_key(version: str) -> tuple[int, ...]:
    """Return a sort key for a version such as ``1.37.2``."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def program_version(path: Path) -> str:
    """Ask kube-apiserver or kube-controller-manager for its version.

    Raises:
        ControlPlaneError: The program cannot be run here, or does not answer as Kubernetes does.
    """
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ControlPlaneError(f"{path} cannot be run: {getattr(error, 'strerror', None) or error}") from error
    match = re.search(r"Kubernetes v(\d+\.\d+\.\d+\S*)", done.stdout)
    if match is None:
        raise ControlPlaneError(f"{path} --version did not answer with a Kubernetes version (exit {done.returncode})")
    return match[1]


def programs(*, controller_manager: bool) -> tuple[str, ...]:
    """Return the names of the programs needed."""
    return (ETCD, API_SERVER, CONTROLLER_MANAGER) if controller_manager else (ETCD, API_SERVER)


def missing_from(directory: Path, *, controller_manager: bool) -> list[str]:
    """Return the names of the programs that are not executable files in `directory`."""
    wanted = programs(controller_manager=controller_manager)
    return [name for name in wanted if not _executable(directory / name)]


def from_directory(directory: Path, version: str, place: str, *, controller_manager: bool) -> Binaries:
    """Return the programs of a directory that has them all."""
    manager = directory / CONTROLLER_MANAGER if controller_manager else None
    return Binaries(directory / ETCD, directory / API_SERVER, manager, version, place)


def find(attempts: Attempts, wanted: str | None, *, controller_manager: bool) -> Binaries | None:
    """Look in KUBEBUILDER_ASSETS, PATH and the cache.

    Args:
        attempts: Collects the places that were not usable, with reasons.
        wanted: Version such as ``1.37.2`` or ``1.37``; None takes any, and the default first in the cache.
        controller_manager: Whether kube-controller-manager is needed too.

    Raises:
        ControlPlaneError: KUBEBUILDER_ASSETS is set and lacks a program, or has another version.
    """
    return (
        _from_assets(attempts, wanted, controller_manager=controller_manager)
        or _from_path(attempts, wanted, controller_manager=controller_manager)
        or find_cached(attempts, wanted, controller_manager=controller_manager)
    )


def locate(*, version: str | None = None, controller_manager: bool = False) -> Binaries:
    """Find the programs that are there already; nothing is downloaded or built.

    Args:
        version: Kubernetes version such as ``1.37.2`` or ``1.37``; default ``$KAIWU_ENVTEST_VERSION``, else
            any.
        controller_manager: Whether kube-controller-manager is needed too.

    Raises:
        ControlPlaneError: No source has them; the message lists the sources.
    """
    attempts, wanted = Attempts(), requested_version(version)
    found = find(attempts, wanted, controller_manager=controller_manager)
    if found is not None:
        return found
    names = " and ".join(programs(controller_manager=controller_manager))
    option = " --controller-manager" if controller_manager else ""
    raise attempts.error(names, f"run `{SETUP_COMMAND}{option}` once to download or build them")


def find_cached(attempts: Attempts, wanted: str | None, *, controller_manager: bool) -> Binaries | None:
    """Look in the cache only: the default version first, then the newest that matches."""
    cache, suffix = cache_directory(), f"-{system()}"
    versions = [
        entry.name.removesuffix(suffix)
        for entry in (cache.iterdir() if cache.is_dir() else ())
        if entry.name.endswith(suffix) and _VERSION.fullmatch(entry.name.removesuffix(suffix))
    ]
    candidates = sorted((v for v in versions if version_matches(v, wanted)), key=version_key, reverse=True)
    candidates.sort(key=lambda version: version != DEFAULT_VERSION)
    for version in candidates:
        directory = cache / f"{version}{suffix}"
        open_to_all = writable_by_others(cache, directory, *(directory / name for name in _PROGRAMS))
        if open_to_all is not None:
            attempts.add("cache", f"every user can write to {open_to_all}; remove that permission (chmod o-w)")
            continue
        missing = missing_from(directory, controller_manager=controller_manager)
        if not missing:
            place = f"the cache {directory}"
            return from_directory(directory, version, place, controller_manager=controller_manager)
        attempts.add("cache", f"{directory} lacks {' and '.join(missing)}")
    if not candidates:
        attempts.add("cache", f"{cache} has no {wanted or 'Kubernetes'} for {system()}")
    return None


def _from_assets(attempts: Attempts, wanted: str | None, *, controller_manager: bool) -> Binaries | None:
    value = os.environ.get("KUBEBUILDER_ASSETS")
    if not value:
        attempts.add("KUBEBUILDER_ASSETS", "not set")
        return None
    directory = _in_home(value).absolute()
    missing = missing_from(directory, controller_manager=controller_manager)
    if missing:
        raise ControlPlaneError(
            f"KUBEBUILDER_ASSETS={value} lacks {' and '.join(missing)}; unset it, or name a directory that has them"
        )
    version = program_version(directory / API_SERVER)
    if not version_matches(version, wanted):
        raise ControlPlaneError(
            f"KUBEBUILDER_ASSETS={value} has Kubernetes {version}, not {wanted}; unset it, or ask for {version}"
        )
    return from_directory(directory, version, f"KUBEBUILDER_ASSETS={value}", controller_manager=controller_manager)


def _from_path(attempts: Attempts, wanted: str | None, *, controller_manager: bool) -> Binaries | None:
    found = {name: shutil.which(name) for name in programs(controller_manager=controller_manager)}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        attempts.add("PATH", f"no {' and no '.join(missing)}")
        return None
    paths = {name: Path(path).absolute() for name, path in found.items() if path is not None}
    try:
        version = program_version(paths[API_SERVER])
    except ControlPlaneError as error:
        attempts.add("PATH", str(error))
        return None
    if not version_matches(version, wanted):
        attempts.add("PATH", f"{paths[API_SERVER]} is {version}, not {wanted}")
        return None
    return Binaries(
        paths[ETCD],
        paths[API_SERVER],
        paths.get(CONTROLLER_MANAGER),
        version,
        f"PATH ({paths[API_SERVER].parent})",
    )


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
