"""Extract the programs of an envtest archive, up to a maximum size."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from typing import IO, TYPE_CHECKING, cast

from kaiwu_runtime.envtest._binaries import API_SERVER, ETCD
from kaiwu_runtime.envtest._http import CHUNK, printable, shown
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS_LIMIT = 1_500_000_000
"""Maximum size of the content of an archive in bytes; it has 180 MB."""
_WANTED = (ETCD, API_SERVER)


def unpack(archive: Path, directory: Path, url: str) -> list[Path]:
    """Extract the programs from the archive by name; everything else, links included, is skipped."""
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
                    while block := source.read(CHUNK):
                        target.write(block)
                found[name].chmod(0o755)
    except (tarfile.TarError, EOFError, ValueError, LookupError, zlib.error, gzip.BadGzipFile) as error:
        raise ControlPlaneError(f"{shown(url)} is not an archive that can be unpacked: {printable(error)}") from error
    missing = [name for name in _WANTED if name not in found]
    if missing:
        raise ControlPlaneError(f"{shown(url)} lacks {' and '.join(missing)}")
    return list(found.values())


class _Bounded(io.RawIOBase):
    """A stream that raises an error when an archive unpacks to more than the limit."""

    def __init__(self, stream: IO[bytes], url: str) -> None:
        super().__init__()
        self._stream = stream
        self._url = url
        self._left = PROGRAMS_LIMIT

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(CHUNK if size < 0 else size)
        self._left -= len(block)
        if self._left < 0:
            raise ControlPlaneError(f"{shown(self._url)} unpacks to more than {PROGRAMS_LIMIT} bytes; not used")
        return block
