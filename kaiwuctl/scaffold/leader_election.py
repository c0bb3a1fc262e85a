"""The name of the Lease by which replicas of one operator elect their leader."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaiwuctl.project.model import Project


def leader_election_id(project: Project) -> str:
    """Return a name that two operators in one namespace do not share: ``1a2b3c4d.inspur.com``."""
    digest = hashlib.sha256(f"{project.repo}/{project.name}".encode()).hexdigest()[:8]
    return f"{digest}.{project.domain}".rstrip(".")
