"""Regular expressions that are compiled when they are first used: the rare ones would slow down each start.

See https://docs.python.org/3/library/re.html#re.compile
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import AnyStr


def lazy_pattern(text: AnyStr, flags: int = 0) -> Callable[[], re.Pattern[AnyStr]]:
    """Return a function that returns the pattern.

    Args:
        text: The regular expression.
        flags: As in ``re.compile``.
    """

    @cache
    def pattern() -> re.Pattern[AnyStr]:
        return re.compile(text, flags)

    return pattern
