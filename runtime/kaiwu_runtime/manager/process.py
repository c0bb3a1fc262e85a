"""A manager as a process: its event loop, and the exit status with one line that says why."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from kaiwu_runtime.errors import KaiwuError
from kaiwu_runtime.manager.startup import explain

logger = logging.getLogger(__name__)


def run_to_the_end(main: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run a coroutine function in a new event loop, uvloop's where it is installed.

    Args:
        main: What to run.

    Returns:
        0 when it returned; 1 when it raised, with the reason in the log.
    """
    try:
        _run(main)
    except KaiwuError as error:
        logger.error("%s", explain(error))
        return 1
    except ExceptionGroup as group:
        for failure in _leaves(group):
            if isinstance(failure, KaiwuError):
                logger.error("%s", explain(failure))
            else:
                logger.error("The manager failed", exc_info=failure)
        return 1
    return 0


def _run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    if sys.platform != "win32":
        try:
            import uvloop  # noqa: PLC0415 - where it is installed
        except ImportError:
            pass
        else:
            uvloop.run(main())
            return
    asyncio.run(main())


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
