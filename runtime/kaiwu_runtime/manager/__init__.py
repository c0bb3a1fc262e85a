"""The manager and its options."""

from kaiwu_runtime.manager._feature_gates import FeatureGate
from kaiwu_runtime.manager._manager import Manager
from kaiwu_runtime.manager._options import ManagerOptions
from kaiwu_runtime.manager._runnable import ManagedRunnable, Runnable

__all__ = ["FeatureGate", "ManagedRunnable", "Manager", "ManagerOptions", "Runnable"]
