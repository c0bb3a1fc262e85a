"""The manager and its options."""

from kaiwu_runtime.manager.manager import Manager
from kaiwu_runtime.manager.options import ManagerOptions
from kaiwu_runtime.manager.runnable import ManagedRunnable, Runnable

__all__ = ["ManagedRunnable", "Manager", "ManagerOptions", "Runnable"]
