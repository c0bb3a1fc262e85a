"""Controllers: the sources that trigger a reconciler, and how it is run."""

from kaiwu_runtime.controller._builder import ControllerBuilder, controller_managed_by
from kaiwu_runtime.controller._controller import Controller
from kaiwu_runtime.controller._handler import MapFunction, enqueue_mapped, enqueue_object, enqueue_owner
from kaiwu_runtime.controller._object_reconciler import ObjectReconciler
from kaiwu_runtime.controller._options import ControllerMetrics, ControllerOptions
from kaiwu_runtime.controller._predicate import (
    AnnotationChanged,
    GenerationChanged,
    LabelChanged,
    Predicate,
    PredicateFunction,
    ResourceVersionChanged,
)
from kaiwu_runtime.controller._reconciler import Reconciler
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.controller._source import Channel, ChannelSource, Source

__all__ = [
    "AnnotationChanged",
    "Channel",
    "ChannelSource",
    "Controller",
    "ControllerBuilder",
    "ControllerMetrics",
    "ControllerOptions",
    "GenerationChanged",
    "LabelChanged",
    "MapFunction",
    "ObjectReconciler",
    "Predicate",
    "PredicateFunction",
    "Reconciler",
    "Request",
    "ResourceVersionChanged",
    "Result",
    "Source",
    "controller_managed_by",
    "enqueue_mapped",
    "enqueue_object",
    "enqueue_owner",
]
