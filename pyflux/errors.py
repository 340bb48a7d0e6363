"""The errors pyflux reports, and the exit codes they end with.

Every error that a user can cause is a `PyfluxError` with one clear line; anything else is a bug.
Only `pyflux.__main__` turns an error into an exit.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141
"""As shells show a program that was ended by SIGPIPE, which is how flux and kubectl leave `| head`."""


class PyfluxError(Exception):
    """One line for the user; `hint`, when given, is a second line with a way out."""

    exit_code = EXIT_FAILURE

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code

    @property
    def message(self) -> str:
        return str(self.args[0])


class UsageError(PyfluxError):
    """The command line is wrong: unknown flag, bad value, missing argument."""


class SilentExit(PyfluxError):
    """Ends with `exit_code`; everything was already said."""


class WarningExit(PyfluxError):
    """Ends with `exit_code` and a warning (⚠) in the place of a failure (✗), as diff does for a difference."""


class ConfigError(PyfluxError):
    """A kubeconfig, credential or settings file cannot be used."""


class TimedOut(PyfluxError):
    """A wait ended without what it waited for."""


class KubeError(PyfluxError):
    """The API server refused a request: `status` is the HTTP status, `reason` the API's own word for it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        details: dict[str, object] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.details = details or {}

    @property
    def passing(self) -> bool:
        """Whether the API server may answer a moment later: it is away, has too much to do, or an error of its own."""
        return isinstance(self, Unreachable) or self.status == 429 or self.status >= 500


class NotFound(KubeError):
    """404: the object is not there."""


class NoMatch(NotFound):
    """404 for the whole kind: its CRD is not installed."""


class AlreadyExists(KubeError):
    """409 on create."""


class Conflict(KubeError):
    """409: someone else changed the object, or owns the field."""


class Invalid(KubeError):
    """400 or 422: the API server's validation refused the object."""


class Unauthorized(KubeError):
    """401: the login was refused."""


class Forbidden(KubeError):
    """403: the login may not do this."""


class Gone(KubeError):
    """410: the resourceVersion or continue token is too old."""


class Unreachable(KubeError):
    """No answer from the API server: name, connection, TLS or time-out."""


_BY_STATUS: dict[int, type[KubeError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


def kube_error(
    status: int, reason: str, message: str, details: dict[str, object] | None = None, hint: str = ""
) -> KubeError:
    """The error class for an API `Status` answer; the one place where HTTP statuses become classes."""
    cls = AlreadyExists if reason == "AlreadyExists" else _BY_STATUS.get(status, KubeError)
    return cls(message, status=status, reason=reason, details=details, hint=hint)
