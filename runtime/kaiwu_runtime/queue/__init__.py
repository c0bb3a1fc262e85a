"""The work queue between events and workers."""

from kaiwu_runtime.queue._rate_limiter import (
    ExponentialBackoff,
    MaxOf,
    RateLimiter,
    TokenBucket,
    default_rate_limiter,
)
from kaiwu_runtime.queue._work_queue import Priority, QueueMetrics, QueueShutDown, WorkQueue

__all__ = [
    "ExponentialBackoff",
    "MaxOf",
    "Priority",
    "QueueMetrics",
    "QueueShutDown",
    "RateLimiter",
    "TokenBucket",
    "WorkQueue",
    "default_rate_limiter",
]
