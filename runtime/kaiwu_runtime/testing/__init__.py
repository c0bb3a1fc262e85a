"""For tests of operators: an API server in memory, managers that fail the test, waiting, stand-ins; see `envtest`."""

from kaiwu_runtime.testing.doubles import FakeClock, FakeEvent, FakeRecorder
from kaiwu_runtime.testing.faults import FakeRequest
from kaiwu_runtime.testing.kinds import FakeKind
from kaiwu_runtime.testing.running import ManagerRefusedError, run_manager
from kaiwu_runtime.testing.transport import FakeTransport
from kaiwu_runtime.testing.waiting import eventually, wait_for

__all__ = [
    "FakeClock",
    "FakeEvent",
    "FakeKind",
    "FakeRecorder",
    "FakeRequest",
    "FakeTransport",
    "ManagerRefusedError",
    "eventually",
    "run_manager",
    "wait_for",
]
