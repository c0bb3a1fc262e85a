"""kaiwu-runtime runs Kubernetes operators written in Python."""

__version__ = "0.1.0"
