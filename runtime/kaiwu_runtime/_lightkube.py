"""Import lightkube's types without lightkube's HTTP client.

``lightkube/__init__.py`` imports its clients and through them httpx2: 0.17 s and 13 MiB that kaiwu-runtime never
uses, since it needs only the generated types. ``from lightkube import Client`` still works.
"""

from __future__ import annotations

from kaiwu_runtime._deferred_module import defer


def load() -> None:
    """Register lightkube without running its ``__init__``; do nothing if it is imported already."""
    defer("lightkube")
