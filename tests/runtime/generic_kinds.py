"""Built-in kinds as generic resources, for objects that their types would not let through.

lightkube keeps one class for each kind in a process, so the tests share theirs.
"""

from __future__ import annotations

from typing import Any

from lightkube.generic_resource import create_namespaced_resource

GenericConfigMap: Any = create_namespaced_resource("", "v1", "ConfigMap", "configmaps")
