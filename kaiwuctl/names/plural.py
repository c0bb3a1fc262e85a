"""The plural of a kind: the runtime's own function, so that scaffold and generator can never disagree."""

from __future__ import annotations

from kaiwu_runtime._plural import pluralize as plural_of

__all__ = ["plural_of"]
