"""Download the official envtest archive that the index names, check it, and take the programs out of it."""

from __future__ import annotations

import hashlib
import http.client
import time
from typing import TYPE_CHECKING

from kaiwu_runtime._unsigned import unsigned
from kaiwu_runtime.envtest import _http
from kaiwu_runtime.envtest._archive import unpack
from kaiwu_runtime.envtest._archive_index import find_archive
from kaiwu_runtime.envtest._binaries import API_SERVER, program_version
from kaiwu_runtime.envtest._http import NetworkError, open_url, read, shown
from kaiwu_runtime.envtest._progress import Step
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest._progress import Progress

ARCHIVE_LIMIT = 500_000_000
"""Maximum size of an archive in bytes; it has 60 MB."""
_ATTEMPTS = 2


def download(index: str, wanted: str | None, directory: Path, progress: Progress) -> tuple[str, list[Path]]:
    """Download, check and unpack an archive.

    Args:
        index: Address of the index.
        wanted: Version such as ``1.37.2`` or ``1.37``; None takes the default version, else the newest of
            its minor version, else the newest of all.
        directory: Empty directory the programs are put into.
        progress: Receives the bytes that have arrived.

    Returns:
        The version, and the paths of the programs, which have been seen to run.

    Raises:
        ControlPlaneError: There is no such archive, it cannot be downloaded, or it does not match the index.
    """
    progress(Step(f"reading the index of envtest archives {shown(index)}"))
    version, url, sha512 = find_archive(index, wanted)
    archive = directory / "archive.tar.gz"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _fetch(url, archive, f"downloading Kubernetes {version} (envtest archive)", progress)
            break
        except NetworkError:
            if attempt == _ATTEMPTS:
                raise
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha512").hexdigest()
    if found != sha512:
        raise ControlPlaneError(f"{shown(url)} has SHA-512 {found[:16]}…, the index says {sha512[:16]}…; not used")
    files = unpack(archive, directory, url)
    archive.unlink()
    try:
        program_version(directory / API_SERVER)
    except ControlPlaneError as error:
        raise ControlPlaneError(f"{shown(url)} has programs that do not run here: {error}") from error
    return version, files


def _fetch(url: str, target: Path, text: str, progress: Progress) -> None:
    with open_url(url) as response, target.open("wb") as stream:
        total = _length(response, url)
        done = 0
        window, window_start = 0, time.monotonic()
        progress(Step(text, 0, total, "bytes"))
        while chunk := read(response, url):
            stream.write(chunk)
            done += len(chunk)
            if done > ARCHIVE_LIMIT:
                raise ControlPlaneError(f"{shown(url)} is larger than {ARCHIVE_LIMIT} bytes; not used")
            window += len(chunk)
            progress(Step(text, done, total, "bytes"))
            if time.monotonic() - window_start > _http.STALL_TIMEOUT:
                if window < _http.STALL_BYTES:
                    raise NetworkError(f"{shown(url)} is too slow: {window} bytes in {_http.STALL_TIMEOUT:g} s")
                window, window_start = 0, time.monotonic()
        if total and done != total:
            raise NetworkError(f"{shown(url)} ended after {done} of {total} bytes")


def _length(response: http.client.HTTPResponse, url: str) -> int:
    """Return what Content-Length says; 0 when there is none."""
    number = unsigned((response.headers.get("Content-Length") or "0").strip())
    if number is None:
        raise ControlPlaneError(f"{shown(url)} answered with an invalid Content-Length")
    if number > ARCHIVE_LIMIT:
        raise ControlPlaneError(f"{shown(url)} is larger than {ARCHIVE_LIMIT} bytes; not used")
    return number
