"""kaiwuctl scaffolds Kubernetes operator projects in Python."""

__version__ = "0.1.0"
