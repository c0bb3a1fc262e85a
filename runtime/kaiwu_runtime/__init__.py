"""kaiwu-runtime runs Kubernetes operators written in Python."""

from kaiwu_runtime import _lightkube

__version__ = "0.1.0"

_lightkube.defer()
