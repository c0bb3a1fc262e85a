"""The work queue between events and workers."""

from kaiwu_runtime.queue._metrics import QueueMetrics
from kaiwu_runtime.queue._priority import Priority
from kaiwu_runtime.queue._rate_limiter import (
    ExponentialBackoff,
    MaxOf,
    RateLimiter,
    TokenBucket,
    default_rate_limiter,
)
from kaiwu_runtime.queue._work_queue import QueueShutDown, WorkQueue

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
