"""Client certificates for TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Has `context` show a certificate, both PEM. Raises ssl.SSLError, ValueError.

    OpenSSL reads them from files only: an anonymous one in memory, or a private temporary one that is gone at once.
    """
    import os

    pem = certificate.rstrip() + b"\n" + key
    # an encrypted key must not ask on the terminal
    password = b""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("pyflux", os.MFD_CLOEXEC)
        try:
            os.write(handle, pem)
            context.load_cert_chain(f"/proc/self/fd/{handle}", password=password)
        finally:
            os.close(handle)
        return
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name, password=password)
