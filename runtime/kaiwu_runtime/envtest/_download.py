"""Download the official envtest archive, whose index has the address and SHA-512 of every archive.

The index is envtest-releases.yaml of kubernetes-sigs/controller-tools, the one that setup-envtest reads.
See https://book.kubebuilder.io/reference/envtest
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import re
import socket
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from typing import IO, TYPE_CHECKING, TypeVar, cast
from urllib.parse import urljoin, urlsplit

import yaml

from kaiwu_runtime._error_text import reason
from kaiwu_runtime.envtest._binaries import (
    API_SERVER,
    DEFAULT_VERSION,
    ETCD,
    program_version,
    system,
    version_key,
    version_matches,
)
from kaiwu_runtime.envtest._progress import Step
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaiwu_runtime.envtest._progress import Progress

DEFAULT_INDEX = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml"

CONNECT_TIMEOUT = 5.0
"""Seconds to resolve and connect to a host."""
STALL_TIMEOUT = 20.0
"""Seconds in which at least :data:`STALL_BYTES` have to arrive."""
STALL_BYTES = 20_000
OPEN_TIMEOUT = 30.0
"""Seconds until the head of an answer is there, redirects included."""
# Several times the size of what there is: 0.1 MB, 60 MB and 180 MB.
INDEX_LIMIT = 5_000_000
ARCHIVE_LIMIT = 500_000_000
PROGRAMS_LIMIT = 1_500_000_000
_CHUNK = 1 << 16
_ATTEMPTS = 2
_RELEASE = re.compile(r"v\d+\.\d+\.\d+")
_WANTED = (ETCD, API_SERVER)
_Result = TypeVar("_Result")


class _NetworkError(ControlPlaneError):
    """A failure that another attempt may not have."""


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
    progress(Step(f"reading the index of envtest archives {_shown(index)}"))
    version, url, sha512 = _choose(_read_index(index), index, wanted)
    archive = directory / "archive.tar.gz"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _fetch(url, archive, f"downloading Kubernetes {version} (envtest archive)", progress)
            break
        except _NetworkError:
            if attempt == _ATTEMPTS:
                raise
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha512").hexdigest()
    if found != sha512:
        raise ControlPlaneError(f"{_shown(url)} has SHA-512 {found[:16]}…, the index says {sha512[:16]}…; not used")
    files = _unpack(archive, directory, url)
    archive.unlink()
    try:
        program_version(directory / API_SERVER)
    except ControlPlaneError as error:
        raise ControlPlaneError(f"{_shown(url)} has programs that do not run here: {error}") from error
    return version, files


def _read_index(index: str) -> dict[str, object]:
    with _open(index) as response:
        data = _receive(response, index, INDEX_LIMIT)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(data, Loader=loader)  # noqa: S506  (one of the two safe loaders)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise ControlPlaneError(f"{_shown(index)} is not YAML; is this the address of the index?") from error
    releases = document.get("releases") if isinstance(document, dict) else None
    if not isinstance(releases, dict):
        raise ControlPlaneError(f"{_shown(index)} has no `releases`; is this the address of the index?")
    return releases


def _choose(releases: dict[str, object], index: str, wanted: str | None) -> tuple[str, str, str]:
    machine = system()
    archives: dict[str, dict[str, object]] = {}
    for tag, files in releases.items():
        name = f"envtest-{tag}-{machine}.tar.gz"
        if _RELEASE.fullmatch(str(tag)) and isinstance(files, dict) and isinstance(files.get(name), dict):
            archives[str(tag).removeprefix("v")] = files[name]
    candidates = [version for version in archives if version_matches(version, wanted)]
    if not candidates:
        newest = ", ".join(sorted(archives, key=version_key)[-3:]) or "nothing"
        raise ControlPlaneError(f"{_shown(index)} has no Kubernetes {wanted or ''} for {machine}; its newest: {newest}")
    minor = DEFAULT_VERSION.rpartition(".")[0]

    def preference(version: str) -> tuple[bool, bool, tuple[int, ...]]:
        return version == DEFAULT_VERSION, version_matches(version, minor), version_key(version)

    version = max(candidates, key=preference)
    url, sha512 = archives[version].get("selfLink"), archives[version].get("hash")
    if not isinstance(url, str) or not isinstance(sha512, str) or not re.fullmatch(r"[0-9a-f]{128}", sha512):
        raise ControlPlaneError(f"{_shown(index)} gives no address and SHA-512 for Kubernetes {version}; not used")
    try:
        address = urljoin(index, url)
        schemes = urlsplit(index).scheme, urlsplit(address).scheme
    except ValueError as error:
        raise ControlPlaneError(
            f"{_shown(index)} gives an invalid address for Kubernetes {version}: {error}"
        ) from error
    _check_step(*schemes, f"{_shown(index)} gives the address {_shown(address)}")
    return version, address, sha512


def _check_step(before: str, after: str, what: str) -> None:
    """Reject to go on from an encrypted address to another, or from the network to a file of this machine."""
    if after == before or (before, after) in {("http", "https"), ("file", "https"), ("file", "http")}:
        return
    if (before, after) == ("https", "http"):
        raise ControlPlaneError(f"{what}, which is not encrypted; not followed")
    raise ControlPlaneError(f"{what}, which is not an https address; not followed")


def _fetch(url: str, target: Path, text: str, progress: Progress) -> None:
    with _open(url) as response, target.open("wb") as stream:
        total = _length(response, url)
        done = 0
        window, window_start = 0, time.monotonic()
        progress(Step(text, 0, total, "bytes"))
        while chunk := _read(response, url):
            stream.write(chunk)
            done += len(chunk)
            if done > ARCHIVE_LIMIT:
                raise ControlPlaneError(f"{_shown(url)} is larger than {ARCHIVE_LIMIT} bytes; not used")
            window += len(chunk)
            progress(Step(text, done, total, "bytes"))
            if time.monotonic() - window_start > STALL_TIMEOUT:
                if window < STALL_BYTES:
                    raise _NetworkError(f"{_shown(url)} is too slow: {window} bytes in {STALL_TIMEOUT:g} s")
                window, window_start = 0, time.monotonic()
        if total and done != total:
            raise _NetworkError(f"{_shown(url)} ended after {done} of {total} bytes")


def _length(response: http.client.HTTPResponse, url: str) -> int:
    """Return what Content-Length says; 0 when there is none."""
    text = (response.headers.get("Content-Length") or "0").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ControlPlaneError(f"{_shown(url)} answered with an invalid Content-Length")
    if int(text) > ARCHIVE_LIMIT:
        raise ControlPlaneError(f"{_shown(url)} is larger than {ARCHIVE_LIMIT} bytes; not used")
    return int(text)


def _receive(response: http.client.HTTPResponse, url: str, limit: int) -> bytes:
    parts = bytearray()
    deadline = time.monotonic() + STALL_TIMEOUT
    while chunk := _read(response, url):
        parts += chunk
        if len(parts) > limit:
            raise ControlPlaneError(f"{_shown(url)} is larger than {limit} bytes; is this the address of the index?")
        if time.monotonic() > deadline:
            raise _NetworkError(f"{_shown(url)} is too slow: not complete after {STALL_TIMEOUT:g} s")
    return bytes(parts)


def _read(response: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _NetworkError(f"{_shown(url)} broke off: {_reason(error)}") from error


def _open(url: str) -> http.client.HTTPResponse:
    """Open an address through the proxies of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ControlPlaneError(f"invalid address {_shown(url)}: {error}") from error
    if parts.scheme not in {"https", "http", "file"}:
        raise ControlPlaneError(f"invalid address {_shown(url)}: use http, https or file")
    if parts.scheme != "file":
        _resolve(parts.scheme, parts.hostname or "", url)
    # An opener of its own: the shared one keeps the proxies there were when it was first used.
    opener = urllib.request.build_opener(_Redirects)
    try:
        response: http.client.HTTPResponse = _within(OPEN_TIMEOUT, lambda: opener.open(url, timeout=CONNECT_TIMEOUT))
    except urllib.error.HTTPError as error:
        error.close()
        raise ControlPlaneError(f"{_shown(url)} answered {error.code} {_one_line(error.reason)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _NetworkError(f"{_shown(url)} cannot be reached: {_reason(error)}") from error
    _set_timeout(response, STALL_TIMEOUT)
    return response


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917  (as the class it overrides has it)
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        what = f"{_shown(req.full_url)} redirects to {_shown(newurl)}"
        _check_step(req.type, urlsplit(newurl).scheme, what)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """Return what `call` returns, or raise TimeoutError; sockets limit the time of one read, not of all.

    A call that is given up goes on in its thread until the next limit of the socket's.
    """
    results: list[_Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  (raised again below)
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]


def _set_timeout(response: http.client.HTTPResponse, seconds: float) -> None:
    stream: IO[bytes] | None = getattr(response, "fp", None)
    connection = getattr(getattr(stream, "raw", None), "_sock", None)
    if isinstance(connection, socket.socket):
        connection.settimeout(seconds)


def _resolve(scheme: str, host: str, url: str) -> None:
    """Fail early when a name has no address; the system's resolver may take half a minute over it."""
    proxy = urllib.request.getproxies().get(scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        host = urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname or host
    failure: list[OSError] = []

    def look_up() -> None:
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(CONNECT_TIMEOUT)
    if thread.is_alive():
        raise _NetworkError(f"{_shown(url)} cannot be reached: no address for {host} in {CONNECT_TIMEOUT:g} s")
    if failure:
        raise _NetworkError(f"{_shown(url)} cannot be reached: no address for {host} ({_reason(failure[0])})")


def _unpack(archive: Path, directory: Path, url: str) -> list[Path]:
    """Take the programs out of the archive by name; everything else, links included, is passed over."""
    found: dict[str, Path] = {}
    try:
        with (
            gzip.open(archive) as content,
            tarfile.open(fileobj=cast("IO[bytes]", _Bounded(cast("IO[bytes]", content), url)), mode="r|") as tar,
        ):
            for member in tar:
                name = member.name.rpartition("/")[2]
                if name not in (*_WANTED, "kubectl") or not member.isreg() or name in found:
                    continue
                source = tar.extractfile(member)
                if source is None:
                    continue
                found[name] = directory / name
                with source, found[name].open("wb") as target:
                    while block := source.read(_CHUNK):
                        target.write(block)
                found[name].chmod(0o755)
    except (tarfile.TarError, EOFError, ValueError, LookupError, zlib.error, gzip.BadGzipFile) as error:
        raise ControlPlaneError(f"{_shown(url)} is not an archive that can be unpacked: {_one_line(error)}") from error
    missing = [name for name in _WANTED if name not in found]
    if missing:
        raise ControlPlaneError(f"{_shown(url)} lacks {' and '.join(missing)}")
    return list(found.values())


class _Bounded(io.RawIOBase):
    """A stream that ends in an error when a small archive turns out to hold more than a disk does."""

    def __init__(self, stream: IO[bytes], url: str) -> None:
        super().__init__()
        self._stream = stream
        self._url = url
        self._left = PROGRAMS_LIMIT

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(_CHUNK if size < 0 else size)
        self._left -= len(block)
        if self._left < 0:
            raise ControlPlaneError(f"{_shown(self._url)} unpacks to more than {PROGRAMS_LIMIT} bytes; not used")
        return block


def _shown(url: str) -> str:
    """Return an address for a message: without a user's name, a password or a query that may have a key in it."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    shown = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}".partition("?")[0].partition("#")[0]
    return _one_line(shown)


def _one_line(value: object) -> str:
    return "".join(character if character.isprintable() else "?" for character in str(value))[:300]


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)  # urllib's URLError has what it wraps there, or a text
    return reason(inner) if isinstance(inner, BaseException) else str(inner)
