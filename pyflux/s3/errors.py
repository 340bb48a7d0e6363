"""What can go wrong with a bucket."""

from __future__ import annotations

from pyflux.errors import PyfluxError


class S3Error(PyfluxError):
    """A bucket or an object of it cannot be had. `code` is S3's word for why, empty where the storage said none."""

    def __init__(self, message: str, *, code: str = "", region: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.region = region
        """Where the storage says that the bucket is."""


class AccessError(PyfluxError):
    """An endpoint, or a Secret for it, cannot be used."""
