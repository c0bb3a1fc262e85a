"""Names that an API server makes of ``metadata.generateName``.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#generated-values
"""

from __future__ import annotations

import random

from kaiwu_runtime.testing._validation import GENERATED_LENGTH

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5


def generated_name(start: str) -> str:
    """Return a name that begins with a text, which is cut where the name would be too long.

    Args:
        start: ``metadata.generateName``.
    """
    return start[: GENERATED_LENGTH - _SUFFIX_LENGTH] + "".join(random.choices(_SUFFIX, k=_SUFFIX_LENGTH))  # noqa: S311
