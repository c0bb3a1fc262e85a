"""What the container image of a project holds, checked before it is built: ``python -m kaiwu_runtime.image``."""

__all__: list[str] = []
