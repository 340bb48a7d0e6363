"""Reading tar.gz archives as a stream."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

UNREADABLE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)
"""What reading raises where the archive is damaged or none."""


@contextmanager
def reading(source: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """The entries of an archive, one after another.

    Unlike tarfile's own reader (`r|gz`), which stumbles over them, it takes gzip headers with extra fields: Helm
    writes such.
    """
    with gzip.GzipFile(fileobj=source) as unzipped, tarfile.open(fileobj=unzipped, mode="r|") as archive:
        yield archive
