"""Write generated files: all content is generated first, and each file is replaced in one step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kaiwu_runtime.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Written:
    """The result for one file: ``wrote``, ``unchanged`` or ``removed``."""

    path: Path
    action: str


def write_files(files: Mapping[Path, str]) -> list[Written]:
    """Write the files that differ from the present ones; a reader sees the old or the new content, never a part.

    Raises:
        ConfigurationError: A file cannot be written; the message names it and the reason.
    """
    results = []
    for path in sorted(files):
        content = files[path].encode()
        try:
            if path.is_symlink():
                raise ConfigurationError(f"{path} is a symbolic link: remove it, generated files are plain files")
            if path.is_file() and path.read_bytes() == content:
                results.append(Written(path, "unchanged"))
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)
        except OSError as error:
            raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from None
        results.append(Written(path, "wrote"))
    return results


def remove_stale(folder: Path, pattern: str, keep: Iterable[Path], mark: str) -> list[Written]:
    """Remove the files of removed kinds: those that match the pattern, are not in `keep`, and carry our mark.

    Raises:
        ConfigurationError: A file cannot be read or removed.
    """
    kept = {path.resolve() for path in keep}
    results = []
    for path in sorted(folder.glob(pattern)):
        if path.is_symlink() or path.resolve() in kept or not path.is_file():
            continue
        try:
            if mark not in path.read_text(encoding="utf-8", errors="replace")[:4096]:
                continue
            path.unlink()
        except OSError as error:
            raise ConfigurationError(f"cannot remove {path}: {error.strerror or error}") from None
        results.append(Written(path, "removed"))
    return results


def _replace(path: Path, content: bytes) -> None:
    # Named before it is made, so that a signal in between leaves no file.
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
