"""The log level at run time: SIGUSR2 switches to debug and back, and the metrics server has a page for it."""

from __future__ import annotations

import logging

from kaiwu_runtime import _log as log
from kaiwu_runtime.errors import ConfigurationError

logger = logging.getLogger("kaiwu_runtime.manager.log_level")


class LogLevel:
    """The minimum level of the process's log.

    Args:
        configured: The level that the options name.
    """

    def __init__(self, configured: str) -> None:
        self._configured = configured

    @property
    def name(self) -> str:
        """The present level."""
        present = logging.getLogger().level
        return next((name for name, level in log.LEVELS.items() if level == present), logging.getLevelName(present))

    def set(self, name: str) -> None:
        """Change the level.

        Raises:
            ConfigurationError: There is no such level.
        """
        level = log.LEVELS.get(name)
        if level is None:
            raise ConfigurationError(f"invalid log level {name[:20]!r}: use {', '.join(log.LEVELS)}")
        before = self.name
        logging.getLogger().setLevel(level)
        if name != before:
            logger.warning("Changed the log level", extra={"before": before, "after": name})

    def toggle(self) -> None:
        """Switch to debug, or back to the configured level."""
        self.set(self._configured if self.name == "debug" and self._configured != "debug" else "debug")
