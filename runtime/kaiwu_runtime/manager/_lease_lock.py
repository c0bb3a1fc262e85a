"""The Lease that replicas compete for: read, taken, renewed and given back, each by one request with a version.

See https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import logging
import math
from typing import Any

from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease

from kaiwu_runtime import _clock as clock
from kaiwu_runtime.api._times import micro_time
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import APIError, NotFoundError

logger = logging.getLogger("kaiwu_runtime.manager.leader_election")


class LeaseLock:
    """Takes and returns a Lease for one candidate.

    Args:
        name: Name of the Lease.
        namespace: Its namespace.
        identity: Who the candidate is.
        duration: Seconds that other candidates wait after the last renewal they observed.

    Attributes:
        may_hold: Whether the candidate may hold the Lease: it does, or the answer to a request for it never came.
    """

    def __init__(self, name: str, namespace: str, identity: str, duration: float) -> None:
        self._name = name
        self._namespace = namespace
        self._identity = identity
        self._duration = duration
        self._observed: tuple[str, str] = ("", "")  # holder and resourceVersion
        self._observed_at = 0.0
        self.may_hold = False

    @property
    def lease(self) -> Lease:
        """The Lease by its name, for what is said about it."""
        return Lease(metadata=ObjectMeta(name=self._name, namespace=self._namespace))

    async def take(self, client: Client) -> bool:
        """Take or renew the Lease; False while another candidate holds it.

        Raises:
            ConflictError: Another candidate was faster.
            AlreadyExistsError: Another candidate was faster.
            APIError: Any other failure.
        """
        try:
            lease = await client.get(Lease, self._name, namespace=self._namespace)
        except NotFoundError:
            self.may_hold = True
            await client.create(
                Lease(
                    metadata=ObjectMeta(name=self._name, namespace=self._namespace),
                    spec=LeaseSpec(
                        holderIdentity=self._identity,
                        leaseDurationSeconds=math.ceil(self._duration),
                        acquireTime=clock.now(),
                        renewTime=clock.now(),
                        leaseTransitions=0,
                    ),
                )
            )
            return True
        metadata = lease.metadata or ObjectMeta()
        spec = lease.spec or LeaseSpec()
        holder, version = spec.holderIdentity or "", metadata.resourceVersion or ""
        if (holder, version) != self._observed:
            self._observed, self._observed_at = (holder, version), clock.monotonic()
        if holder not in {"", self._identity}:
            duration = float(spec.leaseDurationSeconds or self._duration)
            if clock.monotonic() - self._observed_at < duration:
                self.may_hold = False
                return False
        now = micro_time(clock.now())
        patch: dict[str, Any] = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "renewTime": now,
        }
        if holder != self._identity:
            patch |= {"acquireTime": now, "leaseTransitions": (spec.leaseTransitions or 0) + 1}
        self.may_hold = True
        await self._patch(client, patch, version)
        return True

    async def give_back(self, client: Client) -> bool:
        """Try once to give the Lease back; False when trying again may help: another client wrote in between."""
        try:
            lease = await client.get(Lease, self._name, namespace=self._namespace)
            if lease.spec is None or lease.spec.holderIdentity != self._identity:
                return True
            version = (lease.metadata.resourceVersion if lease.metadata else "") or ""
            released = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro_time(clock.now())}
            await self._patch(client, released, version)
        except APIError as error:
            if not error.may_pass:
                raise
            logger.debug("Retrying to release the lease", extra={**self.fields(), "error": str(error)})
            return False
        logger.info("Released the lease", extra=self.fields())
        return True

    async def _patch(self, client: Client, spec: dict[str, Any], version: str) -> None:
        # The version makes it an optimistic lock: of two candidates that saw the same Lease one gets a conflict.
        await client.patch(
            Lease,
            self._name,
            {"metadata": {"resourceVersion": version}, "spec": spec},
            namespace=self._namespace,
        )

    def fields(self) -> dict[str, str]:
        """Return what names the Lease and the candidate in logs."""
        return {"lease": f"{self._namespace}/{self._name}", "identity": self._identity}
