"""Kubernetes Events, which ``kubectl describe`` shows for the objects of a controller."""

from kaiwu_runtime.recorder.recorder import EventRecorder
from kaiwu_runtime.recorder.sender import EventSender, EventTimings
from kaiwu_runtime.recorder.series import Reference

__all__ = ["EventRecorder", "EventSender", "EventTimings", "Reference"]
