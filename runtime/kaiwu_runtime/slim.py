"""Make an installation smaller that only runs an operator: `python -m kaiwu_runtime.slim DIR`.

Compiled modules contain symbol tables that only debuggers read and that are often larger than the code: they are a
third of what an operator's image adds to its base. The loader does not need them, so each file is truncated after the
last part that it needs. Container images for Python do not have `strip`.

The packages of the runtime that projects are developed with are removed. `python -m kaiwu_runtime.image`, which
`make build` runs, rejects an operator that imports one of them.

See https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

from __future__ import annotations

import os
import shutil
import struct
import sys
from pathlib import Path

DEVELOPMENT = ("envtest", "generator", "testing")
"""The packages of kaiwu_runtime that an operator does not need in production."""

_IDENT = b"\x7fELF\x02\x01"  # 64 bits, little-endian, as on amd64 and arm64
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")


def strip(path: Path) -> int:
    """Remove the symbol tables of a shared library.

    Args:
        path: The file; not changed if it is not a 64-bit little-endian ELF file.

    Returns:
        The number of bytes removed.

    Raises:
        OSError: The file cannot be read or written; it is unchanged.
    """
    content = path.read_bytes()
    if not content.startswith(_IDENT) or len(content) < _HEADER.size:
        return 0
    header = list(_HEADER.unpack_from(content))
    offset, size, count = header[5], header[9], header[10]
    if size != _SEGMENT.size or offset + size * count > len(content):
        return 0
    end = int(max(_HEADER.size, offset + size * count))
    for number in range(count):
        segment = _SEGMENT.unpack_from(content, offset + number * size)
        end = max(end, segment[2] + segment[5])
    if end >= len(content):
        return 0
    # The section headers are removed too: only linkers and debuggers read them.
    header[6] = header[12] = header[13] = 0
    smaller = _HEADER.pack(*header) + content[_HEADER.size : end]
    temporary = path.with_name(f"{path.name}.slim")
    try:
        temporary.write_bytes(smaller)
        temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return len(content) - int(end)


def slim(folder: Path) -> int:
    """Strip all shared libraries below a folder, remove what is for development, and return the number of bytes saved.

    Args:
        folder: A virtual environment, for example.

    Raises:
        OSError: A file cannot be read or written.
    """
    libraries = (path for path in sorted(folder.rglob("*.so*")) if path.is_file() and not path.is_symlink())
    return sum(strip(path) for path in libraries) + sum(map(_removed, sorted(folder.rglob("kaiwu_runtime"))))


def _removed(package: Path) -> int:
    """Remove the packages for development from an installed runtime, and return their size in bytes."""
    found = [package / name for name in DEVELOPMENT if (package / name / "__init__.py").is_file()]
    if package.is_symlink() or not (package / "slim.py").is_file():
        return 0
    size = sum(path.stat().st_size for folder in found for path in folder.rglob("*") if path.is_file())
    for folder in found:
        shutil.rmtree(folder)
    return size


def main(arguments: list[str]) -> int:
    """Slim the given folders and print the saved size; return 1 after a failure, 2 without a folder."""
    if not arguments or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m kaiwu_runtime.slim DIR...\n")
        return 2
    for name in arguments:
        if not Path(name).is_dir():
            sys.stderr.write(f"error: {name} is not a directory\n")
            return 1
        try:
            saved = slim(Path(name))
        except OSError as error:
            sys.stderr.write(f"error: {error.filename}: {os.strerror(error.errno or 0)}\n")
            return 1
        sys.stdout.write(f"{name}: {saved / 1e6:.1f} MB removed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
