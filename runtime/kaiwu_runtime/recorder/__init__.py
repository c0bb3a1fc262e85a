"""Kubernetes Events, which ``kubectl describe`` shows for the objects of a controller."""

from kaiwu_runtime.recorder._recorder import EventRecorder
from kaiwu_runtime.recorder._sender import EventSender, EventTimings
from kaiwu_runtime.recorder._series import Reference

__all__ = ["EventRecorder", "EventSender", "EventTimings", "Reference"]
