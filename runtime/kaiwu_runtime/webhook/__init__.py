"""Admission and conversion webhooks: defaulters, validators, versions, and the server that the API server calls."""

from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions
from kaiwu_runtime.webhook._admission import (
    AdmissionDenied,
    AdmissionRequest,
    Cause,
    Defaulter,
    GroupVersionKind,
    GroupVersionResource,
    UserInfo,
    Validator,
    Warnings,
)
from kaiwu_runtime.webhook._builder import webhook_managed_by
from kaiwu_runtime.webhook._configuration import converting, mutating, validating
from kaiwu_runtime.webhook._conversion import Convertible
from kaiwu_runtime.webhook._copying import copy_common
from kaiwu_runtime.webhook._declarations import MatchCondition
from kaiwu_runtime.webhook._paths import mutate_path, validate_path
from kaiwu_runtime.webhook._webhook import Webhook

__all__ = [
    "AdmissionDenied",
    "AdmissionRequest",
    "Cause",
    "Convertible",
    "Defaulter",
    "GroupVersionKind",
    "GroupVersionResource",
    "MatchCondition",
    "UserInfo",
    "Validator",
    "Warnings",
    "Webhook",
    "WebhookCertificateOptions",
    "converting",
    "copy_common",
    "mutate_path",
    "mutating",
    "validate_path",
    "validating",
    "webhook_managed_by",
]
