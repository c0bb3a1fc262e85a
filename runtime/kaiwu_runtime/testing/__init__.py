"""An API server in memory for unit tests, and a manager that fails the test when it fails; see also `envtest`."""

from kaiwu_runtime.testing.faults import FakeRequest
from kaiwu_runtime.testing.kinds import FakeKind
from kaiwu_runtime.testing.running import ManagerRefusedError, run_manager
from kaiwu_runtime.testing.transport import FakeTransport

__all__ = ["FakeKind", "FakeRequest", "FakeTransport", "ManagerRefusedError", "run_manager"]
