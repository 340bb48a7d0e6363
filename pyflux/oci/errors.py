"""What can go wrong between us and a registry."""

from __future__ import annotations

from pyflux.errors import PyfluxError


class OciError(PyfluxError):
    """A reference, an artifact or a registry's answer is not usable."""


class RegistryError(OciError):
    """The registry refused a request: `status` is the HTTP status, `codes` its own words (MANIFEST_UNKNOWN …)."""

    def __init__(self, message: str, *, status: int, codes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.codes = codes


class RegistryUnreachable(OciError):
    """No answer from the registry: name, connection, TLS or time-out."""
