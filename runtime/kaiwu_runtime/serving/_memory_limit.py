"""How much memory the container of this process may use."""

from __future__ import annotations

from pathlib import Path

from kaiwu_runtime._unsigned import unsigned

_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNLIMITED = 2**60  # version 1 of cgroups writes a huge number instead of "max"


def memory_limit(files: tuple[str, ...] = _LIMIT_FILES) -> int | None:
    """Return how many bytes the container may use; None when there is no limit, or none can be read.

    Args:
        files: Where the kernel shows it.

    See https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    for file in files:
        try:
            text = Path(file).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        number = unsigned(text)
        if number is not None and 0 < number < _UNLIMITED:
            return number
    return None
