"""The exceptions that kaiwu-runtime raises.

KaiwuError
├── ConfigurationError        no usable kubeconfig, credentials, flag or project file
├── DefinitionError           an API type or an RBAC rule that cannot become a valid manifest
├── DecodeError               an object that does not fit its type
├── ConversionError           an object cannot be converted to another version of its kind
├── AdmissionDenied           raised by a webhook that rejects a request; in kaiwu_runtime.webhook
├── RetryAfter                raised by a reconciler: try again later, without an error
├── TerminalError             raised by a reconciler: do not retry until the object changes
├── CertificateError          a certificate or its key cannot be used; the text says why
├── CommandError              a command in a container ended with another exit code than 0
├── ControlPlaneError         envtest cannot find, start or stop a control plane
└── APIError                  the API server rejected a request, or could not be reached
    ├── APIConnectionError    no response: refused, reset, timed out
    │   ├── CredentialsError      no credentials at the moment; also a ConfigurationError
    │   ├── ExecInterruptedError  no exit code of a command in a container: the pod is gone, for instance
    │   │   └── ExecTimeoutError  it took too long; also a TimeoutError
    │   └── WatchInterruptedError an established watch broke or became silent
    └── APIStatusError        a response with a Status object
        ├── BadRequestError       400
        ├── UnauthorizedError     401
        ├── ForbiddenError        403
        ├── NotFoundError         404
        ├── MethodNotAllowedError 405
        ├── ConflictError         409 with reason Conflict: a newer resourceVersion, or another field manager
        ├── AlreadyExistsError    409 with reason AlreadyExists
        ├── GoneError             410: the resourceVersion is too old
        ├── InvalidError          422: schema or admission
        ├── TooManyRequestsError  429
        └── ServerError           500 and above
"""

from __future__ import annotations

import copyreg
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from kaiwu_runtime._status_response import StatusResponse

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "AlreadyExistsError",
    "BadRequestError",
    "CertificateError",
    "CommandError",
    "ConfigurationError",
    "ConflictError",
    "ControlPlaneError",
    "ConversionError",
    "CredentialsError",
    "DecodeError",
    "DefinitionError",
    "ExecInterruptedError",
    "ExecTimeoutError",
    "ForbiddenError",
    "GoneError",
    "InvalidError",
    "KaiwuError",
    "MethodNotAllowedError",
    "NotFoundError",
    "RetryAfter",
    "ServerError",
    "TerminalError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "WatchInterruptedError",
]


class KaiwuError(Exception):
    """Base class of all exceptions of kaiwu-runtime."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Without a call of __init__, whose arguments are not those of the exception.
        return copyreg.__newobj__, (type(self),), self.__dict__ | {"args": self.args}  # type: ignore[attr-defined]


class ConfigurationError(KaiwuError):
    """The configuration is missing, unreadable or contradictory."""


class DefinitionError(KaiwuError):
    """The API server would reject an API type or an RBAC rule; the message names the model and the field."""


class DecodeError(KaiwuError):
    """An object from the API server does not fit the requested type.

    Attributes:
        kind: The type; None if the data is not an object.
        namespace: The object's namespace; empty if it has none or its metadata is unreadable.
        name: The object's name; empty if its metadata is unreadable.
        decoded: For a list, the objects that fit.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: type[Any] | None = None,
        namespace: str = "",
        name: str = "",
        decoded: Sequence[Any] = (),
    ) -> None:
        super().__init__(message)
        self.decoded = decoded
        self.kind = kind
        self.namespace = namespace
        self.name = name


class ConversionError(KaiwuError):
    """An object cannot be converted to another version; the message names it."""


class TerminalError(KaiwuError):
    """Raised by a reconciler if its object cannot succeed until it is changed."""


class RetryAfter(KaiwuError):  # noqa: N818 - as in HTTP: an instruction, not a failure
    """Raised by a reconciler that waits for something external: a service that is down, a job that is not done.

    It is not a failure of the operator: one line in the log at level info, no stack trace, no error in the metrics.

    Args:
        message: The reason for the wait: ``the registry answers 503``.
        seconds: When to reconcile again, in seconds or as a timedelta; it resets the back-off. None, and 0 or less:
            with back-off.

    Raises:
        ValueError: The time is infinite or not a number.
    """

    def __init__(self, message: str, seconds: float | timedelta | None = None) -> None:
        super().__init__(message)
        delay = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds or 0)
        if not math.isfinite(delay):
            raise ValueError(f"RetryAfter: invalid seconds {delay}: use a finite number")
        self.seconds = max(delay, 0.0)


class ControlPlaneError(KaiwuError):
    """envtest could not find, build, start or stop a control plane."""


class CertificateError(KaiwuError):
    """A certificate, its key or an authority cannot be used, or a value for one is not valid."""


class CommandError(KaiwuError):
    """A command in a container ended with another exit code than 0; the text has the end of what it wrote last.

    Attributes:
        command: The command.
        exit_code: Its exit code.
        stdout: What it wrote to standard output.
        stderr: What it wrote to standard error.
    """

    def __init__(self, command: Sequence[str], exit_code: int, stdout: bytes, stderr: bytes) -> None:
        said = (stderr.strip() or stdout.strip()).decode(errors="replace").rpartition("\n")[2][-300:]
        program = command[0] if command else "the command"
        super().__init__(f"{program} ended with exit code {exit_code}" + (f": {said}" if said else ""))
        self.command = tuple(command)
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr


class CallbackError(Exception):
    """A callback raised an exception that ends tasks or processes; the cause says which."""


class APIError(KaiwuError):
    """A request to the API server failed.

    Attributes:
        in_doubt: Whether it may have taken effect all the same: it was sent, and the answer was lost, or tells of a
            failure inside the server.
    """

    in_doubt = False

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later without any change."""
        return True


class APIConnectionError(APIError):
    """The API server gave no complete response; the request may or may not have taken effect."""

    in_doubt = True


class CredentialsError(APIConnectionError, ConfigurationError):
    """The credentials could not be renewed, so the request was not sent.

    An exec plugin fails while its identity provider is down, and a token file may be empty while it is replaced: the
    same request may succeed later. Code that retries an :class:`APIError` also retries this error.
    """

    in_doubt = False


class ExecInterruptedError(APIConnectionError):
    """The exit code of a command in a container is not known; the command may have run, in part or as a whole.

    Attributes:
        stdout: What it wrote to standard output until then.
        stderr: What it wrote to standard error until then.
    """

    def __init__(self, message: str, stdout: bytes = b"", stderr: bytes = b"") -> None:
        super().__init__(message)
        self.stdout = stdout
        self.stderr = stderr


class ExecTimeoutError(ExecInterruptedError, TimeoutError):
    """A command in a container took too long; it may go on there."""


class WatchInterruptedError(APIConnectionError):
    """A watch that the server had accepted broke or became silent; it can be resumed at once."""


class APIStatusError(StatusResponse, APIError):
    """The API server responded with a failure.

    Its text is the server's message, followed by the missing ``@rbac`` decorator and the server's warnings.

    Attributes:
        message: The server's message.
        code: HTTP status code.
        reason: Machine-readable reason of the Status object, for example ``NotFound``; empty if there was none.
        details: ``details`` of the Status object; empty if there was none.
        retry_after: Seconds that the server asked to wait, or None.
        warnings: Warnings that the server sent with the failure, for instance about an unknown field.

    See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
    """

    @property
    def may_pass(self) -> bool:
        """See :class:`APIError`: the server is failing or busy, or has not accepted new credentials yet."""
        return self.code in {401, 429} or self.code >= 500


class BadRequestError(APIStatusError):
    """400: the request itself is malformed."""


class UnauthorizedError(APIStatusError):
    """401: the credentials are missing, wrong or expired."""


class ForbiddenError(APIStatusError):
    """403: no role grants this; the message names the missing verb and resource."""


class NotFoundError(APIStatusError):
    """404: the object, or the whole resource, does not exist."""


class MethodNotAllowedError(APIStatusError):
    """405: the resource does not support the verb."""


class ConflictError(APIStatusError):
    """409: the object changed since it was read, or another field manager owns a field."""

    @property
    def is_ownership(self) -> bool:
        """Whether another field manager owns a field: a retry fails again unless it is forced."""
        return self.has_cause("FieldManagerConflict")

    @property
    def may_pass(self) -> bool:
        """See :class:`APIError`: another client changed the object in between, and a retry may succeed."""
        return not self.is_ownership


class AlreadyExistsError(APIStatusError):
    """409: an object of that name exists."""


class GoneError(APIStatusError):
    """410: the resourceVersion or continue token is too old; list again."""


class InvalidError(APIStatusError):
    """422: the object violates its schema or an admission rule."""


class TooManyRequestsError(APIStatusError):
    """429: too many requests; ``retry_after`` is the time to wait."""


class ServerError(APIStatusError):
    """500 and above: the server failed; safe to retry."""

    in_doubt = True
