"""Packages of projects, written for one test."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

Make = Callable[[dict[str, str]], ModuleType]
"""Writes a package of a fresh name from file contents and imports it."""
