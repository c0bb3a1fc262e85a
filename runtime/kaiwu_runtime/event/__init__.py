"""Events: what a controller tells the people who run ``kubectl describe`` on its objects."""

from kaiwu_runtime.event.recorder import EventRecorder
from kaiwu_runtime.event.sender import EventSender, EventTimings
from kaiwu_runtime.event.series import Reference

__all__ = ["EventRecorder", "EventSender", "EventTimings", "Reference"]
