"""Events: what a controller tells the people who run ``kubectl describe`` on its objects."""

from kaiwu_runtime.recorder.recorder import EventRecorder
from kaiwu_runtime.recorder.sender import EventSender, EventTimings
from kaiwu_runtime.recorder.series import Reference

__all__ = ["EventRecorder", "EventSender", "EventTimings", "Reference"]
