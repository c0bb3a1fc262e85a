"""Make a self-signed certificate in a child process.

The cryptography package takes 9 MiB, a sixth of an operator's memory, which a child gives back when it ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from kaiwu_runtime._error_text import summary

logger = logging.getLogger("kaiwu_runtime.certificates.child")

SECONDS = 30.0
"""How long the child may take; a tenth of a second is usual."""

_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*t?(\.exe)?", re.IGNORECASE)
"""A frozen program is its own executable: that would start a second operator."""


async def self_signed(names: Sequence[str]) -> tuple[bytes, bytes]:
    """Return a server certificate that no authority has signed, and its key, both PEM.

    It is made in this process if no child can be started.

    Args:
        names: Host names and IP addresses that it is valid for; the first is its subject.
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await _made_by_child(names)
    except (OSError, ValueError, RuntimeError) as error:  # a TimeoutError is an OSError
        logger.debug("Cannot make a certificate in a child process", extra={"error": summary(error)})
    from kaiwu_runtime.certificates import _authority  # noqa: PLC0415 - loads cryptography

    return _authority.self_signed(names)


async def _made_by_child(names: Sequence[str]) -> tuple[bytes, bytes]:
    """Run this module.

    Raises:
        OSError: No process can be started.
        ValueError: `sys.executable` is another program, or the child has not returned a certificate.
    """
    if not _INTERPRETER.fullmatch(Path(sys.executable or "").name):
        raise ValueError(f"{sys.executable!r} is not a Python interpreter")
    # -P, because the modules are those of this process, and not what lies in the working directory.
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, *names),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the operator
    )
    try:
        output, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    certificate, key = json.loads(output)
    return certificate.encode(), key.encode()


def main(names: Sequence[str]) -> None:
    """Print a certificate and its key as a JSON array.

    Args:
        names: As of `self_signed`.
    """
    from kaiwu_runtime.certificates._authority import self_signed as make  # noqa: PLC0415 - loads cryptography

    sys.stdout.write(json.dumps([each.decode() for each in make(names)]))


if __name__ == "__main__":
    main(sys.argv[1:])
