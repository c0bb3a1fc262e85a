"""A control plane that runs in the background, from ``up`` to ``down``.

It lives in ``up/run`` of the cache. Its supervisor keeps a lock there for as long as it lives, and the
system takes the lock away when the supervisor ends, so neither a reboot nor a reused process id can make a
dead one look alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaiwu_runtime.envtest._binaries import Binaries, cache_directory
from kaiwu_runtime.envtest._control_plane import ControlPlane
from kaiwu_runtime.envtest._directories import make_private
from kaiwu_runtime.envtest._kubeconfig import merge_kubeconfig, read_kubeconfig, remove_from_kubeconfig
from kaiwu_runtime.envtest._progress import Progress, Step, silent
from kaiwu_runtime.envtest._provision import setup
from kaiwu_runtime.envtest._store import exclusive
from kaiwu_runtime.envtest._supervisor import LOCK_NAME
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Callable

_STATE_NAME = "state.json"
_GRACE = 10.0
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Background:
    """The control plane in the background.

    Attributes:
        url: Address of the API server.
        kubeconfig: Kubeconfig file of its administrator.
        pid: Process id of its supervisor.
        version: Kubernetes version; empty when the state file does not say.
        place: Where its programs came from; empty when the state file does not say.
        controller_manager: Whether kube-controller-manager runs as well.
        started: Whether this call started it.
    """

    url: str
    kubeconfig: Path
    pid: int
    version: str
    place: str
    controller_manager: bool
    started: bool


def up(
    *,
    controller_manager: bool = False,
    kubeconfig: Path | None = None,
    find: Callable[[], Binaries] | None = None,
    progress: Progress = silent,
) -> Background:
    """Start the background control plane; one that runs already is returned as it is.

    Args:
        controller_manager: Also run kube-controller-manager.
        kubeconfig: A kubeconfig file to add the cluster to; it becomes the current context there.
        find: Returns the programs; default :func:`~kaiwu_runtime.envtest.setup`, which may download or build.
        progress: Receives what is being done.

    Raises:
        ControlPlaneError: It cannot be started, or one with other options runs already.
    """
    directory = _directory()
    _make_private(directory)
    with exclusive(directory, progress):
        background = _status(directory)
        if background is None:
            _clear(directory)
            binaries = find() if find else setup(controller_manager=controller_manager, progress=progress)
            progress(Step(f"starting Kubernetes {binaries.version}"))
            background = _start(directory, binaries, controller_manager=controller_manager)
        elif controller_manager and not background.controller_manager:
            raise ControlPlaneError(
                f"a control plane without kube-controller-manager runs at {background.url}; run `down` first"
            )
        if kubeconfig is not None:
            _merge(directory, background, kubeconfig.expanduser().absolute())
        return background


def down(*, progress: Progress = silent) -> bool:
    """Stop the background control plane, remove its data, and return whether one ran.

    Raises:
        ControlPlaneError: It cannot be stopped, or a kubeconfig it was added to cannot be written.
    """
    directory = _directory()
    if not directory.exists():
        return False
    _make_private(directory)
    with exclusive(directory, progress):
        pid = _supervisor(directory)
        config = read_kubeconfig(directory / "run" / "kubeconfig")
        state = _read_state(directory)
        if pid is not None:
            progress(Step("stopping the control plane"))
            _end(directory, pid)
        _clear(directory)
        for path, before in state.get("merged", {}).items():
            remove_from_kubeconfig(Path(path), config or state.get("config", {}), before)
        return pid is not None


def status() -> Background | None:
    """Return the background control plane, or None when none runs."""
    directory = _directory()
    if directory.exists():
        _make_private(directory)
    return _status(directory)


def _make_private(directory: Path) -> None:
    """Make the directory private, because the next command trusts its content."""
    try:
        make_private(directory)
    except OSError as error:
        reason = error.strerror or error
        raise ControlPlaneError(f"cannot write to {directory}: {reason}; set KAIWU_ENVTEST_DIR to another") from error


def _directory() -> Path:
    return cache_directory() / "up"


def _start(directory: Path, binaries: Binaries, *, controller_manager: bool) -> Background:
    plane = ControlPlane(binaries=binaries, controller_manager=controller_manager, directory=directory / "run")
    with contextlib.ExitStack() as stack:
        plane.start()
        stack.callback(plane.stop)
        state = {
            "version": binaries.version,
            "place": binaries.place,
            "controllerManager": controller_manager,
            "merged": {},
            "config": read_kubeconfig(plane.kubeconfig),
        }
        _write_state(directory, state)
        plane.empty_deleted_namespaces()
        pid = plane.detach()
        stack.pop_all()
    return Background(
        plane.url, plane.kubeconfig, pid, binaries.version, binaries.place, controller_manager, started=True
    )


def _status(directory: Path) -> Background | None:
    pid = _supervisor(directory)
    if pid is None:
        return None
    path = directory / "run" / "kubeconfig"
    try:
        url = str(read_kubeconfig(path)["clusters"][0]["cluster"]["server"])
    except (ControlPlaneError, LookupError, TypeError) as error:
        raise ControlPlaneError(f"the control plane in {directory / 'run'} is damaged; run `down` first") from error
    state = _read_state(directory)
    version, place = str(state.get("version", "")), str(state.get("place", ""))
    return Background(url, path, pid, version, place, bool(state.get("controllerManager")), started=False)


def _supervisor(directory: Path) -> int | None:
    """Return the process id of the supervisor when it lives."""
    try:
        descriptor = os.open(directory / "run" / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ControlPlaneError(f"cannot read {directory / 'run'}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 32, 0))
    finally:
        os.close(descriptor)
    return None


def _end(directory: Path, pid: int) -> None:
    # The lock was held a moment ago, so the process id is still the supervisor's.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGTERM:
                os.kill(pid, number)
            else:
                os.killpg(pid, number)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            if _supervisor(directory) is None:
                return
            time.sleep(_POLL)
    raise ControlPlaneError(f"process {pid} does not end; end it by hand")


def _clear(directory: Path) -> None:
    shutil.rmtree(directory / "run", ignore_errors=True)
    shutil.rmtree(directory / "run.logs", ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        (directory / _STATE_NAME).unlink()


def _merge(directory: Path, background: Background, path: Path) -> None:
    if path == background.kubeconfig:
        return
    before = merge_kubeconfig(path, read_kubeconfig(background.kubeconfig))
    state = _read_state(directory)
    state.setdefault("merged", {}).setdefault(str(path), before)
    _write_state(directory, state)


def _read_state(directory: Path) -> dict[str, Any]:
    """Return the state file's content; a missing or damaged one is only missing information."""
    try:
        state = json.loads((directory / _STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(state, dict) or not isinstance(state.get("merged", {}), dict):
        return {}
    return state


def _write_state(directory: Path, state: dict[str, Any]) -> None:
    temporary = directory / f"{_STATE_NAME}.new"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:  # noqa: PTH123
            json.dump(state, stream, indent=2)
        temporary.replace(directory / _STATE_NAME)
    except OSError as error:
        raise ControlPlaneError(f"cannot write to {directory}: {error.strerror or error}") from error
