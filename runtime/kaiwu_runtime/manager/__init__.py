"""The manager and what it is told."""

from kaiwu_runtime.manager.manager import Manager, Runnable
from kaiwu_runtime.manager.options import ManagerOptions

__all__ = ["Manager", "ManagerOptions", "Runnable"]
