"""An API server in memory, for unit tests of cases that a real one does not give; else use `kaiwu_runtime.envtest`."""

from kaiwu_runtime.testing.faults import FakeRequest
from kaiwu_runtime.testing.kinds import FakeKind
from kaiwu_runtime.testing.transport import FakeTransport

__all__ = ["FakeKind", "FakeRequest", "FakeTransport"]
